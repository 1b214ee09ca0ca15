import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { decodeFile } from '../src/audio/ffmpeg.ts';
import { activeLevelDb, frameLevelsDb, levelDb, speechActivity } from '../src/audio/level.ts';
import { chopped } from '../src/degrade/chop.ts';
import { echoed } from '../src/degrade/echo.ts';
import { mnru } from '../src/degrade/mnru.ts';
import { overloaded } from '../src/degrade/overload.ts';
import { pumped } from '../src/degrade/pump.ts';
import { withSecondTalker } from '../src/degrade/second-talker.ts';
import type { Clip } from '../src/degrade/steps.ts';
import { Random } from '../src/run/random.ts';
import { fixtures } from './support/fixture-corpus.ts';

const speech = await decodeFile(join(fixtures, 'speech/man-1.wav'));
const other = await decodeFile(join(fixtures, 'speech/woman-1.wav'));
const clip = (): Clip => ({ samples: speech, speech: speechActivity(speech) });
const random = () => Random.derive(1, 'in time');
const near = (value: number, wanted: number, by: number) =>
  assert.ok(Math.abs(value - wanted) <= by, `${value} is not within ${by} of ${wanted}`);
const ramp = (): Clip => ({
  samples: Float32Array.from({ length: 16_000 }, (_, n) => n + 1),
  speech: new Uint8Array(100).fill(1),
});

describe('what happens in time', () => {
  it('chops: pieces are silenced, repeated or cut out', () => {
    const chops = { ms: 20, perSecond: 4, regular: true };
    const silenced = chopped(ramp(), { ...chops, mode: 'silence' }, random()).samples;
    const gone = silenced.reduce((count, sample) => count + (sample === 0 ? 1 : 0), 0);
    assert.ok(gone === 3 * 320 || gone === 4 * 320, `${gone}`);

    const repeated = chopped(ramp(), { ...chops, mode: 'repeat' }, random()).samples;
    const place = repeated.findIndex((sample, n) => sample !== n + 1);
    assert.equal(repeated[place], place - 319);

    const cut = chopped(ramp(), { ...chops, mode: 'cut' }, random());
    assert.equal(cut.samples.length, 16_000);
    for (const [n, origin] of cut.origin?.entries() ?? []) {
      assert.equal(cut.samples[n], origin < 16_000 ? origin + 1 : 0);
    }
    assert.ok((cut.origin?.at(-1) ?? 0) === 16_000);
  });

  it('knows where samples were that were cut out twice', () => {
    const chops = { mode: 'cut', ms: 40, perSecond: 3, regular: false } as const;
    const once = chopped(ramp(), chops, random());
    const twice = chopped(once, chops, Random.derive(2, 'in time'));
    for (const [n, origin] of twice.origin?.entries() ?? []) {
      if (origin < 16_000) assert.equal(twice.samples[n], origin + 1);
    }
  });

  it('echoes once, or again and again', () => {
    const click = new Float32Array(4000);
    click[100] = 1;
    const once = echoed(click, { delayMs: 50, gain: 0.5, feedback: 0 });
    assert.deepEqual([once[100], once[900], once[1700]], [1, 0.5, 0]);
    const again = echoed(click, { delayMs: 50, gain: 0.5, feedback: 0.5 });
    assert.deepEqual([again[900], again[1700], again[2500]], [0.5, 0.25, 0.125]);
  });

  it('lets a second talker speak so far below the first, and counts a loud one as speech', () => {
    const mixed = withSecondTalker(clip(), other, 20);
    const added = mixed.samples.map((sample, n) => sample - (speech[n] as number));
    near(activeLevelDb(speech, clip().speech) - activeLevelDb(added, speechActivity(added)), 20, 1);
    assert.deepEqual(mixed.speech, clip().speech);
    const sum = (values: Uint8Array) => values.reduce((total, value) => total + value, 0);
    assert.ok(sum(withSecondTalker(clip(), other, 0).speech) > sum(clip().speech));
  });

  it('modulates noise by the speech: so far below it, and none in its pauses', () => {
    const result = mnru(speech, 15, random());
    near(levelDb(speech) - levelDb(result.map((sample, n) => sample - (speech[n] as number))), 15, 0.3);
    assert.equal(
      mnru(new Float32Array(100), 0, random()).every((sample) => sample === 0),
      true,
    );
  });
});

describe('microphones and their level controls', () => {
  it('pumps: loud is turned down, soft comes up, the active level stays', () => {
    const result = pumped(clip(), { belowDb: 15, ratio: 8, releaseMs: 300 });
    near(activeLevelDb(result, clip().speech), activeLevelDb(speech, clip().speech), 0.1);
    const range = (samples: Float32Array) => {
      const levels = [...frameLevelsDb(samples)].filter((_, frame) => clip().speech[frame] === 1).sort((a, b) => a - b);
      return (levels[Math.floor(0.95 * levels.length)] as number) - (levels[Math.floor(0.3 * levels.length)] as number);
    };
    assert.ok(range(result) < range(speech) - 3, `${range(result)} < ${range(speech)}`);
  });

  it('overloads: amplified, and clipped at full scale', () => {
    assert.deepEqual(
      [...overloaded(Float32Array.of(0.01, -0.2, 0.5), 20)],
      [Math.fround(0.01) * 10, -1, 1].map(Math.fround),
    );
  });
});
