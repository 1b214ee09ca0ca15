import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { decodeFile } from '../src/audio/ffmpeg.ts';
import { readDescription, readEnsemble } from '../src/teach/description.ts';
import { Teacher, TeacherEnsemble, windowsOf } from '../src/teach/teacher.ts';
import { readCheckpoint } from '../src/torch/checkpoint.ts';
import { unpickle } from '../src/torch/unpickle.ts';
import { fixtures } from './support/fixture-corpus.ts';
import { scratchFolder } from './support/scratch.ts';

const folder = join(import.meta.dirname, '../teachers');
const scratch = scratchFolder();
/** Made by golden/make_golden.py with the reference implementations. */
const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'golden/golden.json'), 'utf8')) as {
  raters: number[][];
  scores: Record<string, Record<string, number>>;
};

describe('teachers agree with their reference implementations', () => {
  const tolerance = 1e-3;
  // DNSMOS P.835 takes two seconds a clip.
  const cases = [
    { name: 'distill-mos', clips: 4 },
    { name: 'dnsmos-p808', clips: 4 },
    { name: 'dnsmos-p835-overall', clips: 2 },
    { name: 'dnsmos-p835-signal', clips: 1 },
    { name: 'plcmos', clips: 4 },
  ];
  for (const { name, clips } of cases) {
    it(`${name}: within ${tolerance} on ${clips} golden clips`, async () => {
      const described = readDescription(join(folder, `${name}.yaml`));
      const random = described.random && { ...described.random, draws: golden.raters.length };
      const draw = (index: number) => Float32Array.from(golden.raters[index] ?? []);
      const teacher = await Teacher.load({ ...described, random }, { draw });
      after(() => teacher.close());
      let worst = 0;
      for (const [clip, scores] of Object.entries(golden.scores).slice(0, clips)) {
        const samples = await decodeFile(join(fixtures, clip));
        const mos = await teacher.score(name === 'distill-mos' ? samples.subarray(0, 122_880) : samples);
        worst = Math.max(worst, Math.abs(mos - (scores[name] as number)));
      }
      console.log(`${name}: largest difference to the reference ${worst.toExponential(1)}`);
      assert.ok(worst <= tolerance, `${worst}`);
    });
  }

  it('fills a short clip up with silence, and refuses an empty one', async () => {
    const teacher = await Teacher.load(readDescription(join(folder, 'distill-mos.yaml')));
    after(() => teacher.close());
    const short = (await decodeFile(join(fixtures, 'speech/man-1.wav'))).subarray(0, 60_000);
    const filled = new Float32Array(122_880);
    filled.set(short);
    assert.equal(await teacher.score(short), await teacher.score(filled));
    await assert.rejects(teacher.score(new Float32Array(0)), RangeError);
  });
});

describe('a teacher that hears a clip more than once', () => {
  it('says the mean of what it says of the clip and of what is left of it later', async () => {
    const described = readDescription(join(folder, 'dnsmos-p808.yaml'));
    const once = await Teacher.load(described);
    const often = await Teacher.load({ ...described, window: { ...described.window, moves: [0, 80, 15_000] } });
    after(() => Promise.all([once.close(), often.close()]));
    const samples = (await decodeFile(join(fixtures, 'golden/0130.wav'))).subarray(0, 60_000);
    const [whole, later, last] = [
      await once.score(samples),
      await once.score(samples.subarray(80)),
      await once.score(samples.subarray(15_000)),
    ] as const;
    assert.ok(Math.abs((await often.score(samples)) - (whole + later + last) / 3) < 1e-12);
    assert.notEqual(whole, later);
    const short = samples.subarray(0, 1000);
    const both = ((await once.score(short)) + (await once.score(short.subarray(80)))) / 2;
    assert.ok(Math.abs((await often.score(short)) - both) < 1e-12, 'nothing is left of it after the last');
  });
});

describe('an ensemble', () => {
  it('is the weighted mean of its teachers', async () => {
    const file = join(scratch, 'ensemble.yaml');
    const p835 = (part: string) => join(folder, `dnsmos-p835-${part}.yaml`);
    // Paths are relative to the ensemble file.
    const up = (path: string) => join('../'.repeat(scratch.split('/').length - 1), path);
    writeFileSync(
      file,
      `{ name: two, teachers: [{ description: '${up(p835('overall'))}', weight: 3 }, { description: '${up(p835('signal'))}', weight: 1 }] }`,
    );
    const ensemble = await TeacherEnsemble.load(readEnsemble(file));
    after(() => ensemble.close());
    const { mos, teachers } = await ensemble.score(await decodeFile(join(fixtures, 'golden/0130.wav')));
    const [overall, signal] = [teachers['dnsmos-p835-overall'] as number, teachers['dnsmos-p835-signal'] as number];
    assert.ok(Math.abs(mos - (3 * overall + signal) / 4) < 1e-12);
  });

  it('names what is wrong with a description', () => {
    const file = join(scratch, 'wrong.yaml');
    writeFileSync(file, '{ name: x, licence: MIT, source: me, file: none.onnx, window: {}, input: a, output: {} }');
    assert.throws(() => readDescription(file), { code: 'invalid-input', message: /there is no .*none\.onnx/ });
    writeFileSync(
      file,
      '{ name: x, licence: MIT, source: me, file: none.onnx, window: {}, input: a, output: { indx: 1 } }',
    );
    assert.throws(() => readDescription(file), /output.*indx/s);
    writeFileSync(file, '{ name: x, licence: MIT, source: me, file: none.onnx, window: { moves: [80] }, output: {} }');
    assert.throws(() => readDescription(file), /window\.moves: expected 0 among them/);
  });
});

describe('windowsOf', () => {
  const samples = (length: number) => Float32Array.from({ length }, (_, n) => n);
  const starts = (windows: Float32Array[]) => windows.map((window) => window[0]);

  it('spreads windows from the start to the end', () => {
    const window = { samples: 100, short: 'zeros', placement: 'spread', hop: 10 } as const;
    assert.deepEqual(starts(windowsOf(samples(100), window)), [0]);
    assert.deepEqual(starts(windowsOf(samples(115), window)), [0, 7, 15]);
    assert.deepEqual([...(windowsOf(samples(50), window)[0] ?? [])].slice(48, 52), [48, 49, 0, 0]);
  });

  it('takes whole hops from the start, and repeats what is short', () => {
    const window = { samples: 95, short: 'repeat', placement: 'from-start', hop: 10 } as const;
    assert.deepEqual(starts(windowsOf(samples(128), window)), [0, 10, 20]);
    const [first, second] = windowsOf(samples(60), window);
    assert.deepEqual([...(first ?? [])].slice(58, 62), [58, 59, 0, 1]);
    assert.equal(second?.[0], 10);
  });
});

describe('the checkpoint reader', () => {
  const pickle = (...parts: (string | number[])[]) =>
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))));
  const closed = { global: () => undefined, persistent: () => undefined };

  it('refuses to name anything but tensors', () => {
    const harmful = pickle([0x80, 2], 'cos\nsystem\n', 'X', [4, 0, 0, 0], 'true', [0x85], 'R.');
    assert.throws(() => unpickle(harmful, closed), { code: 'invalid-input', message: /refused global os system/ });
  });

  it('refuses opcodes it does not know, and data that ends early', () => {
    assert.throws(() => unpickle(pickle([0x80, 2, 0x93]), closed), /opcode 0x93/);
    assert.throws(() => unpickle(pickle([0x80, 2], 'X', [9, 0, 0, 0], 'short'), closed), /ends early/);
    assert.throws(() => unpickle(pickle('.'), closed), /empty stack/);
    assert.throws(() => unpickle(Buffer.alloc(0), closed), /ends early/);
  });

  it('reads numbers, text and containers', () => {
    const value = unpickle(
      pickle([0x80, 2], '}(', 'X', [1, 0, 0, 0], 'a', '](', 'K', [7], 'J', [255, 255, 255, 255], 'eu.'),
      closed,
    );
    assert.deepEqual(value, new Map([['a', [7, -1]]]));
  });

  it('refuses what is no archive of stored files', () => {
    const file = join(scratch, 'no.pt');
    writeFileSync(file, 'hello');
    assert.throws(() => readCheckpoint(file), { code: 'invalid-input', message: /not a zip/ });
  });
});
