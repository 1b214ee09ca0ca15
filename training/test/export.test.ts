import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { loadNative } from '../../src/engine/load.ts';
import { loadModel } from '../../src/model/load.ts';
import { parseManifest } from '../../src/model/manifest.ts';
import { distill } from '../src/distill/distill.ts';
import { calibrate, speechThreshold, stepThreshold } from '../src/export/calibration.ts';
import { type ExportedModel, exportStudent } from '../src/export/export.ts';
import { studentSchema } from '../src/learning/configuration.ts';
import { checkDisjoint, openTaught } from '../src/learning/taught.ts';
import { Random } from '../src/run/random.ts';
import { scratchFolder } from './support/scratch.ts';
import { taughtFolder } from './support/taught.ts';
import { tinyStudent } from './support/tiny-student.ts';

const scratch = scratchFolder();
const student = studentSchema.parse({
  ...tinyStudent,
  network: { ...tinyStudent.network, mels: 64 },
  training: { ...tinyStudent.training, epochs: 4, windows: { shortest: 300, longest: 316, contextFrames: 100 } },
});

describe('calibration', () => {
  const spreads = (scale: number, count = 2000) => {
    const random = Random.derive(1, 'spreads', scale);
    return Array.from({ length: count }, () => {
      const sigma = random.uniform(0.1, 1);
      return { sigma, error: scale * sigma * random.normal() };
    });
  };

  it('finds how much too sure of itself a network is', () => {
    for (const scale of [0.5, 1, 2]) {
      const { sigmaScale, coverageMeasured } = calibrate(spreads(scale), 0.9, 1);
      assert.ok(Math.abs(sigmaScale / scale - 1) < 0.1, `${sigmaScale}`);
      assert.ok(coverageMeasured > 0.86 && coverageMeasured < 0.94, `${coverageMeasured}`);
    }
    assert.ok(calibrate(spreads(2), 0.9, 1).coverageUncalibrated < 0.7);
  });

  it('needs enough clips', () => {
    assert.throws(() => calibrate(spreads(1, 17), 0.9, 1), /needs at least 18 clips to calibrate on, got 17/);
  });

  it('puts the limit of a step above what all but a hundredth of the silent ones reach', () => {
    assert.equal(stepThreshold([]), 0.5);
    assert.equal(stepThreshold([0.1, 0.2]), 0.5);
    assert.equal(stepThreshold(Array.from({ length: 200 }, (_, n) => (n < 197 ? 0.1 : 0.613))), 0.62);
    assert.equal(stepThreshold(Array.from({ length: 200 }, (_, n) => (n < 199 ? 0.1 : 0.613))), 0.5);
    assert.equal(stepThreshold([0.99]), 0.85);
  });

  it('puts the limit of speech above what silent clips reach', () => {
    assert.equal(speechThreshold([]), 0.1);
    assert.equal(speechThreshold([0.001, 0.002]), 0.05);
    assert.equal(speechThreshold([0.01, 0.123]), 0.13);
    assert.equal(speechThreshold([0.9]), 0.25);
  });
});

describe('labelled clips', () => {
  const folders = ['ada', 'ben'].map((speaker, seed) =>
    taughtFolder(join(scratch, 'data'), { speaker, seed, clips: 20 }),
  );

  it('are read shard by shard with their truth', () => {
    const data = openTaught([folders[0] as string], 2);
    assert.deepEqual(data.shardSizes, [16, 4]);
    const clips = [...data.clips()];
    assert.equal(clips.length, 20);
    assert.equal(clips[1]?.peaks.length, 308);
    assert.equal(clips[1]?.logMel.length, 308 * 64);
    assert.equal(clips[1]?.causes?.length, 6);
    assert.equal(clips[1]?.speech?.length, 308);
  });

  it('of the same speaker may not be on both sides', () => {
    checkDisjoint([folders[0] as string], [folders[1] as string]);
    assert.throws(
      () => checkDisjoint(folders, [folders[1] as string]),
      /speaker ben is both in the training and in the validation/,
    );
  });
});

describe('export', () => {
  const run = join(scratch, 'student');
  const out = join(scratch, 'models');
  const root = join(scratch, 'export');
  const options = {
    ...{ out, student: run, forms: ['windowed', 'streaming'] as const, precisions: ['float', 'int8'] as const },
    ...{ version: '1.2.3', licence: 'MIT', coverage: 0.9, seed: 1 },
  };
  let models: ExportedModel[] = [];
  let calibration: string;

  before(async () => {
    const train = taughtFolder(root, { speaker: 'train', seed: 1, clips: 64 });
    const validation = taughtFolder(root, { speaker: 'validation', seed: 2, clips: 16 });
    calibration = taughtFolder(root, { speaker: 'calibration', seed: 3, clips: 40 });
    const sources = { train: [train], validation: [validation] };
    distill({
      out: run,
      student,
      sources,
      train: openTaught([train], 4),
      validation: openTaught([validation], 4),
      seed: 1,
    });
    models = await exportStudent({ ...options, calibration: [calibration] });
  });

  it('writes graphs, manifests and cards of all forms', () => {
    const names = ['tiny', 'tiny-int8', 'tiny-streaming', 'tiny-streaming-int8'];
    assert.deepEqual(models.map(({ name }) => name).sort(), names);
    const files = names.flatMap((name) => [`${name}.json`, `${name}.md`, `${name}.onnx`]);
    const heads = ['tiny-streaming-heads.onnx', 'tiny-streaming-int8-heads.onnx'];
    assert.deepEqual(readdirSync(out).sort(), [...files, ...heads, 'run.json'].sort());
  });

  it('names a single model as it is told to', async () => {
    const one = { ...options, calibration: [calibration], out: join(scratch, 'one'), name: 'small' };
    const [model] = await exportStudent({ ...one, forms: ['streaming'], precisions: ['float'] });
    assert.equal(model?.name, 'small');
    assert.deepEqual(
      readdirSync(one.out).filter((file) => file !== 'run.json'),
      ['small-heads.onnx', 'small.json', 'small.md', 'small.onnx'],
    );
  });

  it('is on par with the training graph', () => {
    for (const { precision, difference } of models)
      assert.ok(difference < (precision === 'float' ? 1e-4 : 0.05), `${difference}`);
  });

  it('gives windowed models that the scorer loads', async () => {
    const { features } = loadNative();
    const model = await loadModel(join(out, 'tiny.json'), features);
    assert.ok(model.form === 'windowed', model.form);
    const { mos, sigma, speech, causes } = await model.run(new Float32Array(2 * 300 * 64).fill(-5), 2, 300);
    assert.deepEqual([mos.length, sigma.length, speech?.length, causes?.length], [2, 2, 2, 12]);
    await loadModel(join(out, 'tiny-int8.json'), features);
  });

  it('gives streaming models that the scorer loads', async () => {
    const { features } = loadNative();
    for (const name of ['tiny-streaming', 'tiny-streaming-int8']) {
      const model = await loadModel(join(out, `${name}.json`), features);
      assert.ok(model.form === 'streaming', model.form);
      assert.deepEqual([model.shape.firstFrames, model.shape.maxSteps], [152, 79]);
    }
  });

  it('describes the streaming form in its manifest', () => {
    const path = join(out, 'tiny-streaming.json');
    const { streaming, cost, file } = parseManifest(readFileSync(path, 'utf8'), path);
    const hash = (name: string) =>
      createHash('sha256')
        .update(readFileSync(join(out, name)))
        .digest('hex');
    assert.equal(streaming?.heads.sha256, hash('tiny-streaming-heads.onnx'));
    assert.equal(file, 'tiny-streaming.onnx');
    assert.deepEqual(streaming?.steps, {
      name: 'steps',
      width: 8,
      framesPerStep: 4,
      window: { min: 38, max: 79, multipleOf: 1 },
    });
    assert.ok((cost.msPerAudioSecond as number) > 0);
  });

  it('tells where the student comes from', () => {
    const path = join(out, 'tiny.json');
    const { provenance } = parseManifest(readFileSync(path, 'utf8'), path);
    assert.deepEqual(provenance.corpora, ['synthesis (CC0-1.0)']);
    assert.match(provenance.teachers[0] as string, /^oracle/);
    assert.deepEqual(provenance.made, ['distilled']);
    assert.match(readFileSync(join(out, 'tiny.md'), 'utf8'), /## Made with\n\n- synthesis \(CC0-1.0\)/);
  });

  it('refuses to calibrate on what was trained on', async () => {
    const trained = join(root, 'train', 'labels');
    await assert.rejects(exportStudent({ ...options, out: join(scratch, 'other'), calibration: [trained] }), {
      code: 'invalid-input',
    });
  });

  it('refuses a run that is not finished or not of distill', async () => {
    await assert.rejects(
      exportStudent({ ...options, student: calibration, calibration: [calibration] }),
      /was made by "teach"/,
    );
  });
});
