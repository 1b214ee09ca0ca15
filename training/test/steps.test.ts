import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { decodeFile } from '../src/audio/ffmpeg.ts';
import { convolve, Fft } from '../src/audio/fft.ts';
import { butterworth } from '../src/audio/filter.ts';
import { activeLevelDb, frameLevelsDb, levelDb, scaled, speechActivity } from '../src/audio/level.ts';
import { played } from '../src/audio/speed.ts';
import { toned } from '../src/audio/tone.ts';
import { music } from '../src/degrade/music.ts';
import { lostPackets } from '../src/degrade/rtp.ts';
import {
  addNoise,
  type Clip,
  clarityDb,
  dropouts,
  gate,
  madeRoom,
  overdrive,
  room,
  setLevel,
  stretched,
} from '../src/degrade/steps.ts';
import { stretch } from '../src/degrade/stretch.ts';
import { suppress } from '../src/degrade/suppress.ts';
import { fromRunLengths, runLengths } from '../src/degrade/truth.ts';
import { fromFloat16, toFloat16 } from '../src/run/float16.ts';
import { Random } from '../src/run/random.ts';
import { fixtures } from './support/fixture-corpus.ts';
import { tone } from './support/scratch.ts';

const speech = await decodeFile(join(fixtures, 'speech/man-1.wav'));
const hall = await decodeFile(join(fixtures, 'rooms/hall.wav'));
const clip = (): Clip => ({ samples: speech, speech: speechActivity(speech) });
const random = () => Random.derive(1, 'steps');
const near = (value: number, wanted: number, by: number) =>
  assert.ok(Math.abs(value - wanted) <= by, `${value} is not within ${by} of ${wanted}`);

describe('signal tools', () => {
  it('transforms like the definition, and back', () => {
    const fft = new Fft(16);
    const input = Array.from({ length: 16 }, (_, n) => Math.sin(n) + 0.1 * n);
    const re = Float64Array.from(input);
    const im = new Float64Array(16);
    fft.forward(re, im);
    const sum = (turn: (x: number) => number) => input.reduce((s, x, n) => s + x * turn((2 * Math.PI * 3 * n) / 16), 0);
    near(re[3] as number, sum(Math.cos), 1e-12);
    near(im[3] as number, -sum(Math.sin), 1e-12);
    fft.inverse(re, im);
    for (const [n, value] of input.entries()) near(re[n] as number, value, 1e-12);
    assert.throws(() => new Fft(12), RangeError);
  });

  it('convolves', () => {
    const result = convolve(Float32Array.of(1, 2, 3), Float32Array.of(0.5, -1));
    for (const [n, value] of [0.5, 0, -0.5, -3].entries()) near(result[n] as number, value, 1e-6);
  });

  it('filters: 3 dB at the cut, steep beyond', () => {
    const steadyDb = (samples: Float32Array) => levelDb(samples.subarray(4000));
    const gainDb = (hertz: number) => {
      const input = tone(hertz, 0.5);
      return steadyDb(butterworth(input, 'low', 1000, 8)) - steadyDb(input);
    };
    near(gainDb(300), 0, 0.1);
    near(gainDb(1000), -3, 0.3);
    near(gainDb(2000), -51, 1);
    assert.throws(() => butterworth(speech, 'low', 8000, 8), RangeError);
  });

  it('plays recordings faster and slower: pitch and length go together, and nothing folds back', () => {
    const sine = (hertz: number) =>
      Float32Array.from({ length: 16_000 }, (_, n) => Math.sin((2 * Math.PI * hertz * n) / 16_000));
    const inner = (samples: Float32Array) => samples.subarray(1000, 11_000);
    for (const speed of [0.8, 1.25]) {
      const [other, wanted] = [played(sine(1000), speed), inner(sine(1000 * speed))];
      assert.equal(other.length, 16_000 / speed);
      const difference = inner(other).map((sample, n) => sample - (wanted[n] as number));
      assert.ok(levelDb(difference) < -50, `${levelDb(difference)}`);
    }
    assert.ok(levelDb(played(sine(7000), 1.5).subarray(500, 10_000)) < -50); // would be 10.5 kHz
    assert.equal(played(sine(500), 1).length, 16_000);
    assert.throws(() => played(sine(500), 0), /speed must be above 0: 0/);
  });

  it('bends spectra as microphones do', () => {
    const source = random();
    const noise = Float32Array.from({ length: 32_000 }, () => source.normal() * 0.1);
    const bands = [200, 600, 1500, 4000];
    const octave = (samples: Float32Array, hz: number) =>
      butterworth(butterworth(samples, 'low', 1.4 * hz, 4), 'high', hz / 1.4, 4);
    const bent = (seed: number, deviationDb: number) => {
      const heard = toned(noise, deviationDb, Random.derive(seed, 'tone'));
      return bands.map((hz) => levelDb(octave(heard, hz)) - levelDb(octave(noise, hz)));
    };
    assert.deepEqual(bent(1, 0), [0, 0, 0, 0]);
    assert.deepEqual(bent(1, 6), bent(1, 6));
    assert.notDeepEqual(bent(1, 6), bent(2, 6));
    const changes = Array.from({ length: 40 }, (_, seed) => bent(seed, 6)).flat();
    const deviation = Math.sqrt(changes.reduce((sum, change) => sum + change * change, 0) / changes.length);
    assert.ok(deviation > 3 && deviation < 8, `${deviation}`);
    assert.throws(() => toned(noise, -1, random()), /deviationDb must be at least 0: -1/);
  });

  it('stores half-precision floats to the nearest', () => {
    const values = Float32Array.of(0, -0, 1, -13.37, 65504, 1e6, 6e-8, 1.00048828125, Number.NaN);
    const read = fromFloat16(toFloat16(values));
    assert.deepEqual([...read.slice(0, 3)], [0, -0, 1]);
    near(read[3] as number, -13.37, 0.004);
    assert.deepEqual([read[4], read[5]], [65504, Number.POSITIVE_INFINITY]);
    near(read[6] as number, 6e-8, 3e-8);
    assert.equal(read[7], 1, 'ties to even');
    assert.ok(Number.isNaN(read[8]));
  });

  it('finds speech in clean recordings and pauses between the words', () => {
    const active = speechActivity(speech);
    const ratio = active.reduce((sum, value) => sum + value, 0) / active.length;
    assert.ok(ratio > 0.5 && ratio < 0.9, `${ratio}`);
    assert.deepEqual(fromRunLengths(runLengths(active)), active);
    assert.equal(speechActivity(new Float32Array(16_000)).indexOf(1), -1);
  });

  it('takes for speech what ITU-T P.56 does: within 15.9 dB of the active level, and 0.2 s more', () => {
    const second = (gainDb: number) => scaled(tone(500, 1), gainDb);
    const parts = [second(-6), new Float32Array(16_000), second(-17), second(-30), new Float32Array(16_000)];
    const recording = Float32Array.from(parts.flatMap((part) => [...part]));
    const active = speechActivity(recording);
    const spoken = (from: number, to: number) => active.subarray(from, to).reduce((sum, value) => sum + value, 0);
    near(spoken(0, 200), 100 + 20 + 5, 8);
    near(spoken(200, 500), 100 + 20 + 3, 8);
    assert.deepEqual(speechActivity(scaled(recording, -20)), active, 'at any level');
    const [rms, seconds] = [levelDb(recording), spoken(0, 500) / 100];
    near(activeLevelDb(recording, active), rms + 10 * Math.log10(5 / seconds), 0.2);
  });
});

describe('degradations', () => {
  it('adds noise at the wanted ratio to the active speech', () => {
    const noise = tone(3000, 1);
    for (const snrDb of [-5, 0, 20]) {
      const noisy = addNoise(clip(), noise, snrDb, random());
      const added = noisy.map((sample, n) => sample - (speech[n] as number));
      near(activeLevelDb(speech, speechActivity(speech)) - levelDb(added), snrDb, 0.05);
    }
  });

  it('reverberates without delay or change of level', () => {
    const wet = room(clip(), hall);
    near(levelDb(wet), levelDb(speech), 0.01);
    assert.equal(wet.length, speech.length);
    assert.ok(clarityDb(hall) < 15, `${clarityDb(hall)}`);
    assert.ok(clarityDb(Float32Array.of(0, 1, 0)) > 60);
  });

  it('makes rooms: the longer the decay and the weaker the direct sound, the less clear', () => {
    const clarity = (decaySeconds: number, directDb: number) => clarityDb(madeRoom(decaySeconds, directDb, random()));
    assert.ok(clarity(0.15, 12) > 25);
    assert.ok(clarity(0.6, 0) < clarity(0.3, 0));
    assert.ok(clarity(1.5, -10) < 0);
    assert.deepEqual(madeRoom(0.3, 0, random()), madeRoom(0.3, 0, random()));
    const response = madeRoom(0.5, 3, random());
    const rest = response.subarray(1).reduce((sum, sample) => sum + sample * sample, 0);
    near(-10 * Math.log10(rest), 3, 0.01);
  });

  it('clips the wanted share of the samples in speech', () => {
    const clipped = overdrive(clip(), 0.05);
    const peak = clipped.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    const active = speechActivity(speech);
    const inSpeech = clipped.filter((_, n) => active[Math.floor(n / 160)] === 1);
    near(inSpeech.filter((sample) => Math.abs(sample) >= 0.9999 * peak).length / inSpeech.length, 0.05, 0.002);
  });

  it('sets the level of the speech, clipping at full scale', () => {
    near(activeLevelDb(setLevel(clip(), -30), speechActivity(speech)), -30, 0.01);
    const loud = setLevel(clip(), 0);
    assert.equal(
      loud.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0),
      1,
    );
  });

  it('gates what is quiet and passes what is loud', () => {
    const twoLevels = Float32Array.from(tone(500, 2), (sample, n) => (n < 16_000 ? sample : sample * 0.01));
    const gated = gate({ samples: twoLevels, speech: new Uint8Array(200).fill(1, 0, 100) }, 20, 50);
    near(levelDb(gated.subarray(1600, 15_000)), levelDb(twoLevels.subarray(1600, 15_000)), 0.1);
    assert.ok(levelDb(gated.subarray(20_000)) < -100);
  });

  it('drops about the wanted share', () => {
    const dropped = dropouts({ samples: tone(500, 10), speech: new Uint8Array(1000) }, 0.1, 20, random());
    near(dropped.filter((sample) => sample === 0).length / dropped.length, 0.1, 0.03);
  });

  it('plays parts slower and faster at the same pitch, the speech mask with them', () => {
    const parts = [{ from: 8000, to: 16_000, factor: 1.5 }];
    const slower = stretch(tone(440, 2), parts);
    assert.equal(slower.samples.length, 32_000 + 4000);
    near(levelDb(slower.samples), levelDb(tone(440, 2)), 0.5);
    // Crossings of zero count the cycles: 440 a second whatever the speed.
    const crossings = slower.samples.filter((sample, n) => sample >= 0 && (slower.samples[n - 1] ?? 0) < 0).length;
    near(crossings / (slower.samples.length / 16_000), 440, 4);
    assert.deepEqual([...slower.origin.slice(0, 2)], [0, 1]);
    near(slower.origin[14_000] as number, 12_000, 1);
    assert.equal(slower.origin.at(-1), 31_999);
    const both = stretched(clip(), { ratio: 0.3, factor: 1.4, ms: 200 }, random());
    assert.equal(both.samples.length, speech.length);
    const talk = (mask: Uint8Array) => mask.reduce((sum, value) => sum + value, 0) / mask.length;
    near(talk(both.speech), talk(speechActivity(speech)), 0.08);
  });

  it('makes music up: another piece for another stream, always at one level', () => {
    const pieces = [1, 2, 3].map((seed) => music(64_000, Random.derive(seed, 'music')));
    for (const piece of pieces) near(levelDb(piece), -26, 0.1);
    assert.notDeepEqual(pieces[0], pieces[1]);
    assert.deepEqual(pieces[0], music(64_000, Random.derive(1, 'music')));
  });

  it('takes noise away, and speech with it when overdone', () => {
    const source = random();
    const noise = Float32Array.from({ length: 160_000 }, () => source.normal() * 0.1);
    const noisy = addNoise(clip(), noise, 10, random());
    const pauses = Uint8Array.from(frameLevelsDb(speech), (level) => (level < levelDb(speech) - 20 ? 1 : 0));
    const quietLevel = (samples: Float32Array) => activeLevelDb(samples, pauses);
    assert.ok(quietLevel(suppress(noisy, 3, -25)) < quietLevel(noisy) - 6);
    assert.ok(levelDb(suppress(noisy, 12, -40)) < levelDb(suppress(noisy, 1, -40)));
    near(levelDb(suppress(speech, 0, -25).map((sample, n) => sample - (speech[n] as number))), -100, 30);
  });
});

describe('lostPackets', () => {
  it('loses the wanted share in bursts of the wanted mean length', () => {
    for (const [ratio, burst] of [
      [0.1, 1],
      [0.1, 4],
      [0.4, 3],
    ] as const) {
      const lost = lostPackets(200_000, ratio, burst, random());
      const bursts = lost.filter((is, n) => is && !lost[n - 1]).length;
      const count = lost.filter(Boolean).length;
      near(count / lost.length, ratio, 0.02);
      near(count / bursts, Math.max(burst, 1 / (1 - ratio)), 0.25);
    }
    assert.equal(lostPackets(1000, 0, 1, random()).indexOf(true), -1);
  });

  it('rejects wrong ratios and bursts', () => {
    assert.throws(() => lostPackets(10, 1, 1, random()), RangeError);
    assert.throws(() => lostPackets(10, Number.NaN, 1, random()), RangeError);
    assert.throws(() => lostPackets(10, 0.1, 0.5, random()), RangeError);
  });
});
