import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clip, clipSampleRateHz, clips, readClip, readGolden } from './clips.ts';

const peakOf = (samples: Float32Array) => samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);

test('every clip has sound in it and is not clipped', () => {
  for (const clip of clips) {
    const samples = readClip(clip);
    const peak = peakOf(samples);
    assert.ok(samples.length > clipSampleRateHz, `${clip} is shorter than 1 s`);
    assert.ok(peak > 0.05 && peak < 0.999, `${clip} has peak ${peak}`);
  }
});

test('golden values belong to their recordings', () => {
  for (const clip of clips.filter((name): name is Extract<Clip, `golden/${string}`> => name.startsWith('golden/'))) {
    const golden = readGolden(clip);
    assert.equal(peakOf(readClip(clip)), golden.peak);
    assert.equal(golden.logMel.length, 768 * 64);
    assert.ok(golden.logMel.every((value) => value > -14.001 && value < 6));
  }
});

test('a clip that is not there is an error that names its file', () => {
  assert.throws(() => readClip('speech/nobody' as Clip), /speech\/nobody\.wav/);
});
