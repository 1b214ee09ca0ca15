import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadNative } from '../../src/engine/load.ts';
import { readClip, readGolden } from '../support/clips.ts';

const { features, logMel } = loadNative();

describe('logMel', () => {
  for (const clip of ['golden/0041', 'golden/0130', 'golden/0251'] as const) {
    it(`is within 1e-3 of the golden frames of ${clip}`, () => {
      const golden = readGolden(clip);
      const frames = logMel(readClip(clip));
      assert.equal(frames.length, golden.logMel.length);
      const worst = frames.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - (golden.logMel[i] as number))),
        0,
      );
      assert.ok(worst <= 1e-3, `largest difference ${worst}`);
    });
  }

  it('gives one frame for each 160 samples', () => {
    for (const [samples, frames] of [
      [0, 0],
      [159, 0],
      [160, 1],
      [319, 1],
      [16_000, 100],
    ] as const) {
      assert.equal(logMel(new Float32Array(samples)).length, frames * features.mels);
    }
  });

  it('refuses anything but a Float32Array', () => {
    for (const wrong of [undefined, null, [0, 0], new Float64Array(160), new Int16Array(160), 'x']) {
      assert.throws(() => logMel(wrong as unknown as Float32Array), {
        name: 'TypeError',
        message: 'samples must be a Float32Array',
      });
    }
  });
});

describe('features', () => {
  it('states the constants of the front end', () => {
    assert.deepEqual(features, {
      sampleRateHz: 16_000,
      fftSize: 512,
      windowSize: 400,
      hopSize: 160,
      mels: 64,
      lowHz: 20,
      highHz: 8000,
      powerFloor: 1e-14,
    });
  });
});
