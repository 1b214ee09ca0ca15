import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { parse } from 'csv-parse/sync';
import { loadNative } from '../../src/engine/load.ts';
import { loadModel } from '../../src/model/load.ts';
import { parseManifest } from '../../src/model/manifest.ts';
import { readStoredDistillMos, writeDistillMos } from '../src/distill-mos/stored.ts';
import { ModelScorer } from '../src/evaluate/model-scorer.ts';
import { exportTrained } from '../src/export/export-trained.ts';
import { pruningSchema } from '../src/learning/pruning-configuration.ts';
import { readStudent, trainedOn } from '../src/learning/trained.ts';
import { openWaveforms } from '../src/learning/waveforms.ts';
import { pruneRun } from '../src/prune/open.ts';
import { RunFolder } from '../src/run/run-folder.ts';
import { distillMosFamily } from '../src/structure/distill-mos-family.ts';
import { parameterCount } from '../src/student/weights.ts';
import { irregularShape, randomDistillMos } from './support/distill-mos.ts';
import { scratchFolder, tone } from './support/scratch.ts';
import { taughtFolder } from './support/taught.ts';
import { tinyStudent } from './support/tiny-student.ts';

const program = join(import.meta.dirname, '../bin/mos-train.mjs');
const scratch = scratchFolder();
const folder = (name: string) => join(scratch, name);

function mosTrain(...parameters: string[]) {
  return spawnSync(process.execPath, [program, ...parameters], { encoding: 'utf8' });
}

function file(name: string, content: unknown): string {
  writeFileSync(folder(name), JSON.stringify(content));
  return folder(name);
}

const taught = (speaker: string, seed: number, clips: number) =>
  taughtFolder(folder('data'), { speaker, seed, clips, audible: true });
const train = taught('train', 1, 20);
const validation = taught('validation', 2, 6);
const calibration = taught('calibration', 3, 6);
const table = (path: string): Record<string, string>[] => parse(readFileSync(path), { columns: true });
const data = ['--train', train, '--validation', validation];

describe('pruning and distillation, in either order', () => {
  const training = {
    ...tinyStudent.training,
    epochs: 1,
    windows: { shortest: 300, longest: 316, contextFrames: 100 },
  };
  const network = { ...tinyStudent.network, mels: 64 };
  const pruning = {
    ...{ name: 'pruned', description: 'smaller', target: { macsPerSecond: 60_000 }, rounds: 2, importanceBatches: 2 },
    training: { steps: 1, finalSteps: 2, batchSize: 8, learningRate: 0.001, curveSteps: 1 },
  };

  before(() => {
    const student = file('student.json', { name: 'tiny', description: 'first', network, training });
    const distilled = mosTrain('distill', '--student', student, ...data, '--out', folder('distilled'));
    assert.equal(distilled.status, 0, distilled.stderr);
    const cut = ['prune', '--initial', folder('distilled'), '--pruning', file('pruning.json', pruning)];
    const pruned = mosTrain(...cut, ...data, '--out', folder('pruned'));
    assert.equal(pruned.status, 0, pruned.stderr);
  });

  it('leave a smaller student that is exported as any other', async () => {
    const { student } = readStudent(folder('pruned'));
    assert.ok(parameterCount(student.network) < parameterCount(readStudent(folder('distilled')).student.network));
    const options = { version: '1.0.0', licence: 'MIT', coverage: 0.5, seed: 1, calibration: [calibration] };
    const models = await exportTrained({
      ...{ ...options, out: folder('models'), student: folder('pruned') },
      ...{ forms: ['windowed', 'streaming'], precisions: ['float'] },
    });
    for (const { difference, parameters } of models) {
      assert.ok(difference < 1e-4);
      assert.equal(parameters, parameterCount(student.network));
    }
    const path = join(folder('models'), 'pruned.json');
    const { provenance } = parseManifest(readFileSync(path, 'utf8'), path);
    assert.deepEqual(provenance.made, ['distilled', 'pruned']);
    assert.match(provenance.notes as string, /^1 epochs of distillation on 20 .*; then pruning to 60000 macsPerSecond/);
    await loadModel(path, loadNative().features);
  });

  it('trains on a pruned student, whose shape the student file need not repeat', () => {
    const student = file('further.json', { name: 'further', description: 'second', training });
    const command = ['distill', '--student', student, ...data];
    const further = mosTrain(...command, '--initial', folder('pruned'), '--out', folder('further'));
    assert.equal(further.status, 0, further.stderr);
    const { student: found } = readStudent(folder('further'));
    assert.deepEqual(found.network, readStudent(folder('pruned')).student.network);
    assert.deepEqual(trainedOn(folder('further')), [train, train, train]);
    assert.ok(!existsSync(join(folder('distilled'), 'shares.csv')), 'a student from scratch has no old weights');
    const shares = table(join(folder('further'), 'shares.csv'));
    const initialShares = shares.map(({ initialShare }) => Number(initialShare));
    assert.deepEqual(initialShares, [0, 0.2, 0.4, 0.6, 0.8, 1]);
    assert.equal(new Set(shares.map(({ rmse }) => rmse)).size, 6);
    const epochs = table(join(folder('further'), 'validation.csv'));
    assert.ok(epochs.some(({ rmse, pcc }) => rmse === shares[0]?.rmse && pcc === shares[0]?.pcc));
    const alone = mosTrain(...command, '--out', folder('alone'));
    assert.match(alone.stderr, /further.json: network: needed without --initial/);
    const other = file('other.json', { name: 'other', description: 'x', network: { ...network, hidden: 1 }, training });
    const differs = mosTrain(
      'distill',
      '--student',
      other,
      ...data,
      '--initial',
      folder('pruned'),
      '--out',
      folder('o'),
    );
    assert.match(differs.stderr, /other.json: network: is neither that of --initial nor that one with more units/);
  });

  it('trains on a pruned student that is given more units again', () => {
    const student = file('wider.json', { name: 'wider', description: 'as before it was pruned', network, training });
    const command = ['distill', '--student', student, ...data, '--initial', folder('pruned')];
    const wider = mosTrain(...command, '--out', folder('wider'));
    assert.equal(wider.status, 0, wider.stderr);
    assert.deepEqual(readStudent(folder('wider')).student.network, network);
  });

  it('validates on nobody whom the first network heard', () => {
    const swapped = ['--train', calibration, '--validation', train];
    const cut = ['prune', '--initial', folder('distilled'), '--pruning', folder('pruning.json')];
    assert.match(mosTrain(...cut, ...swapped, '--out', folder('swapped')).stderr, /speaker train is both in/);
  });

  it('is not told what only Distill-MOS can be', () => {
    const wrong = { ...pruning, refit: { clips: 4 }, besides: { hidden: 8 } };
    const cut = ['prune', '--initial', folder('distilled'), '--pruning', file('wrong.json', wrong), ...data];
    assert.match(mosTrain(...cut, '--out', folder('wrong')).stderr, /refit, besides: for Distill-MOS only/);
  });

  it('is compared in 8 bits and in float', () => {
    const command = ['quantize', '--model', folder('pruned'), '--calibration', calibration, '--coverage', '0.5'];
    const { status, stderr, stdout } = mosTrain(...command, '--out', folder('quantised'));
    assert.equal(status, 0, stderr);
    assert.match(stdout, /\| pruned \| labels \| .*\n\| pruned-int8 \| labels \|/);
    assert.equal(readFileSync(join(folder('quantised'), 'report.md'), 'utf8').trim(), stdout.trim());
  });
});

describe('a pruned Distill-MOS', () => {
  const initial = folder('irregular');
  const pruning = pruningSchema.parse({
    ...{ name: 'small', description: 'smaller', target: { parameters: 700 }, rounds: 2, importanceBatches: 2 },
    validationClips: 4,
    training: { steps: 2, finalSteps: 3, batchSize: 2, learningRate: 0.001, curveSteps: 1, checkpointSteps: 1 },
  });
  const sources = { train: [train], validation: [validation] };

  before(() => {
    const teacher = join(import.meta.dirname, '../teachers/distill-mos.yaml');
    RunFolder.open({
      ...{ path: initial, verb: 'prune', seed: 1 },
      configuration: { pruning, ...sources, initial: teacher },
    }).finish();
    const description = { name: 'irregular', description: 'random', shape: irregularShape };
    writeDistillMos(join(initial, 'distill-mos.safetensors'), description, randomDistillMos(irregularShape));
    pruneRun({ out: folder('small'), initial, pruning, ...sources, seed: 3 });
  });

  it('is smaller, and what each round left is told', () => {
    const { description, weights } = readStoredDistillMos(join(folder('small'), 'distill-mos.safetensors'));
    const { parameters } = distillMosFamily.cost(description.shape);
    assert.ok(parameters <= 700 && parameters < distillMosFamily.cost(irregularShape).parameters);
    assert.ok([...weights.values()].every((values) => values.every(Number.isFinite)));
    const rows = readFileSync(join(folder('small'), 'rounds.csv'), 'utf8')
      .trim()
      .split('\n');
    assert.equal(rows[0], 'round,parameters,macsPerSecond,pcc,srcc,rmse');
    assert.equal(rows.length, 4);
  });

  it('interrupted gives bit for bit what it gives uninterrupted', () => {
    const options = { out: folder('interrupted'), initial, pruning, ...sources, seed: 3 };
    for (const after of [1, 2]) {
      let steps = 0;
      const advance = () => {
        if (++steps === after) throw new Error('interrupted');
      };
      assert.throws(() => pruneRun({ ...options, progress: { start() {}, advance, stop() {} } }), /interrupted/);
    }
    pruneRun(options);
    for (const file of ['distill-mos.safetensors', 'rounds.csv', 'curves.csv']) {
      const content = (name: string) => readFileSync(join(folder(name), file));
      assert.ok(content('interrupted').equals(content('small')), file);
    }
  });

  it('is exported with its own front end, in float and in 8 bits, and scored by the server', async () => {
    const models = await exportTrained({
      ...{ out: folder('waveform-models'), student: folder('small'), calibration: [calibration] },
      ...{
        forms: ['windowed'],
        precisions: ['float', 'int8'],
        version: '1.0.0',
        licence: 'MIT',
        coverage: 0.5,
        seed: 1,
      },
    });
    assert.ok((models[0]?.difference as number) < 1e-4);
    assert.ok((models[1]?.difference as number) < 0.2);
    const path = join(folder('waveform-models'), 'small.json');
    const model = await loadModel(path, loadNative().features);
    assert.ok(model.form === 'windowed', model.form);
    assert.deepEqual([model.window.minFrames, model.window.maxFrames, model.window.valuesPerFrame], [300, 768, 160]);
    assert.deepEqual(model.manifest.provenance.made, ['pruned']);
    assert.match(model.manifest.provenance.notes as string, /^weights of distill-mos \(PyPI distillmos/);
    const scorer = await ModelScorer.load(path);
    const { mos } = await scorer.scoreWaveform(new Float32Array(16_000).fill(0.1));
    assert.ok(mos >= 1 && mos <= 5);
    await scorer.close();
  });

  it('has no streaming form', async () => {
    const options = { calibration: [calibration], version: '1.0.0', licence: 'MIT', coverage: 0.5, seed: 1 };
    await assert.rejects(
      exportTrained({
        ...{ ...options, out: folder('none'), student: folder('small'), forms: ['streaming'], precisions: ['float'] },
      }),
      /which has a windowed form only/,
    );
  });

  it('is validated on clips that are spread evenly', () => {
    assert.deepEqual(openWaveforms([train], 4).shardSizes, [16, 4]);
    assert.deepEqual(openWaveforms([train], 4, 5).shardSizes, [4, 1]);
  });
});

describe('a pruned Distill-MOS that says more', () => {
  const initial = folder('irregular');
  const pruning = pruningSchema.parse({
    ...{ name: 'telling', description: 'smaller', target: { parameters: 900 }, rounds: 1, importanceBatches: 2 },
    ...{ refit: { clips: 2 }, besides: { hidden: 8 } },
    training: {
      ...{ frozen: 'convolutions', steps: 0, finalSteps: 4, batchSize: 4, learningRate: 0.001 },
      ...{ curveSteps: 1, checkpointSteps: 1 },
    },
  });
  const sources = { train: [train], validation: [validation] };
  const run = (name: string, more: Partial<Parameters<typeof pruneRun>[0]> = {}) =>
    pruneRun({ out: folder(name), initial, pruning, ...sources, seed: 3, ...more });
  const stored = (name: string) => readStoredDistillMos(join(folder(name), 'distill-mos.safetensors'));

  before(() => {
    run('telling');
  });

  it('learns where somebody speaks, how sure it is and what is wrong, its convolutions left as they were', () => {
    const untrained = { ...pruning, training: { ...pruning.training, finalSteps: 0 } };
    run('untrained', { pruning: untrained });
    const [before, after] = [stored('untrained').weights, stored('telling').weights];
    assert.deepEqual([...before.keys()], [...after.keys()]);
    for (const [name, values] of before) {
      // A bias that is the same for all steps is nothing to their softmax.
      if (name === 'pooling.score.bias') continue;
      const isFrozen = name.startsWith('convolution.') || name === 'positions';
      const isSame = Buffer.from(values.buffer).equals(Buffer.from((after.get(name) as Float32Array).buffer));
      assert.equal(isSame, isFrozen, name);
    }
  });

  it('interrupted gives bit for bit what it gives uninterrupted', () => {
    let steps = 0;
    const advance = () => {
      if (++steps === 2) throw new Error('interrupted');
    };
    const interrupted = { progress: { start() {}, advance, stop() {} } };
    assert.throws(() => run('telling-interrupted', interrupted), /interrupted/);
    run('telling-interrupted');
    const content = (name: string) => readFileSync(join(folder(name), 'distill-mos.safetensors'));
    assert.ok(content('telling-interrupted').equals(content('telling')));
  });

  it('is exported with all that it says, and scored by the server', async () => {
    await exportTrained({
      ...{ out: folder('telling-models'), student: folder('telling'), calibration: [calibration] },
      ...{ forms: ['windowed'], precisions: ['float'], version: '1.0.0', licence: 'MIT', coverage: 0.5, seed: 1 },
    });
    const path = join(folder('telling-models'), 'telling.json');
    const { manifest } = await loadModel(path, loadNative().features);
    assert.deepEqual(manifest.outputs.speech, { name: 'speech', threshold: 0.1 });
    assert.equal(manifest.outputs.causes?.order.length, 6);
    const scorer = await ModelScorer.load(path);
    const [loud, soft] = [await scorer.scoreWaveform(tone(300, 3)), await scorer.scoreWaveform(tone(3000, 3))];
    assert.notEqual(loud.sigma, soft.sigma);
    assert.equal(loud.causes?.length, 6);
    await scorer.close();
  });

  it('learns anew where somebody speaks, and nothing else of it changes', () => {
    const { refit: _, ...only } = pruning;
    const further = { ...only, training: { ...pruning.training, frozen: 'all-but-speech' as const } };
    run('speech', { pruning: further, initial: folder('telling') });
    const [before, after] = [stored('telling').weights, stored('speech').weights];
    for (const [name, values] of before) {
      const isSame = Buffer.from(values.buffer).equals(Buffer.from((after.get(name) as Float32Array).buffer));
      assert.equal(isSame, !name.startsWith('speech.'), name);
    }
    assert.throws(
      () => run('mute', { pruning: { ...further, besides: undefined } }),
      /training.frozen: .*irregular does not tell where somebody speaks/,
    );
  });

  it('says more from as many hidden units as it has', () => {
    const other = { ...pruning, besides: { hidden: 5 } };
    assert.throws(
      () => run('other-hidden', { pruning: other, initial: folder('telling') }),
      /besides: .*telling says more from 8 hidden units/,
    );
  });
});
