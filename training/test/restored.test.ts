import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { ModelManifest } from '../../src/model/manifest.ts';
import { readInitial } from '../src/distill/initial.ts';
import { settled } from '../src/distill/settled.ts';
import { filledUp } from '../src/export/filled.ts';
import { provenanceOf } from '../src/export/provenance.ts';
import { restoredStudent } from '../src/export/restored.ts';
import { headsGraph, stateValues, trunkGraph } from '../src/export/student-graph.ts';
import { trainingSchema } from '../src/learning/configuration.ts';
import { lossGradients } from '../src/learning/losses.ts';
import { type Prediction, predict } from '../src/learning/predict.ts';
import { openTaught } from '../src/learning/taught.ts';
import { readStudent, trainedOn } from '../src/learning/trained.ts';
import { layOutAlone } from '../src/learning/validate.ts';
import { type Batch, floorLog10, trainingBatch } from '../src/learning/windows.ts';
import { QuantisedOperators } from '../src/onnx/eight-bit-operators.ts';
import { GraphBuilder } from '../src/onnx/graph.ts';
import { isSameGraph } from '../src/onnx/read.ts';
import { openGraph, runGraph } from '../src/onnx/session.ts';
import { pruneRun } from '../src/prune/open.ts';
import { quantize } from '../src/quantize/quantize.ts';
import { sha256 } from '../src/run/files.ts';
import { Random } from '../src/run/random.ts';
import { framesPerStep, type NetworkConfiguration, networkSchema } from '../src/student/configuration.ts';
import { Network } from '../src/student/network.ts';
import { parameterCount, type WeightArrays } from '../src/student/weights.ts';
import { tf } from '../src/tensorflow.ts';
import { MoreOperators } from './support/more-operators.ts';
import { largestDifference } from './support/onnx.ts';
import { quarter } from './support/pruning.ts';
import { writeRandomModel } from './support/random-model.ts';
import { scratchFolder } from './support/scratch.ts';
import { syntheticData } from './support/synthetic.ts';
import { taughtFolder } from './support/taught.ts';
import { tinyStudent } from './support/tiny-student.ts';
import { trainedWeights } from './support/trained-weights.ts';

const scratch = scratchFolder();
const shipped = (name: string) => join(import.meta.dirname, '../../models', name);
const tolerance = 1e-4;

const base = {
  trunk: [
    { channels: 5, kernel: [3, 3], stride: [2, 2] },
    { channels: 6, kernel: [3, 3], stride: [2, 2], separable: true },
    { channels: 9, kernel: [4, 3], stride: [1, 2], separable: true },
    { channels: 7, kernel: [1, 3], stride: [1, 1] },
  ],
  width: 7,
  pooling: { heads: 3 },
  hidden: 6,
};
const lstm = { kind: 'lstm' };
const networks: Record<string, NetworkConfiguration> = {
  recurrent: networkSchema.parse({ ...base, memory: lstm }),
  'time-delay': networkSchema.parse({ ...base, memory: { kind: 'time-delay', dilations: [1, 3] } }),
  'without deviation': networkSchema.parse({ ...base, memory: lstm, pooling: { heads: 1, deviation: false } }),
};

/** Clips that are heard before the training, and others. */
const data = syntheticData(1, 2, 40, { frames: 300, mels: 64 });
const others = [...syntheticData(2, 1, 40, { frames: 300, mels: 64 }).clips()];

const { windows } = trainingSchema.parse({ epochs: 1 });
const shapeOf = (network: NetworkConfiguration) => ({ mels: 64, framesPerStep: framesPerStep(network), floorLog10 });

function batchOf(network: NetworkConfiguration, count: number): Batch {
  return layOutAlone(others.slice(0, count), windows, shapeOf(network));
}

function said(network: NetworkConfiguration, weights: WeightArrays, batch = batchOf(network, 3)): Prediction[] {
  const made = new Network(network, weights);
  const predictions = predict(made, batch);
  made.dispose();
  return predictions;
}

function assertSameSaid(found: readonly Prediction[], expected: readonly Prediction[]): void {
  assert.equal(found.length, expected.length);
  expected.forEach(({ mos, logVariance, speech, causes }, row) => {
    const other = found[row] as Prediction;
    assert.ok(Math.abs(other.mos - mos) < tolerance, `MOS ${other.mos}, expected ${mos}`);
    assert.ok(Math.abs(other.logVariance - logVariance) < tolerance, 'logVariance');
    assert.ok(largestDifference(other.speech, speech) < tolerance, 'speech');
    assert.ok(largestDifference(other.causes, causes) < tolerance, 'causes');
  });
}

/** How much steps change when a batch is normalised by itself, as a share of how large they are. */
function changeInTraining(network: NetworkConfiguration, weights: WeightArrays): number {
  const made = new Network(network, weights);
  const { size, frames, logMel } = trainingBatch(others, Random.derive(3), windows, shapeOf(network));
  const change = tf.tidy(() => {
    const input = tf.tensor3d(logMel, [size, frames, 64]);
    const [used, trained] = [made.trunk(input), made.trunk(input, { statistics: new Map() })];
    return used.steps.sub(trained.steps).abs().mean().div(used.steps.abs().mean()).dataSync()[0] as number;
  });
  made.dispose();
  return change;
}

for (const [name, network] of Object.entries(networks)) {
  describe(`a ${name} model`, () => {
    const weights = trainedWeights(network);
    // A channel that hears nothing has no variance.
    weights.get('trunk.0.kernel')?.forEach((_, index, values) => {
      if (index % 5 === 2) values[index] = 0;
    });
    const filled = filledUp(network, weights);
    const path = writeRandomModel(join(scratch, name), 'random', 'streaming', filled);
    const restored = restoredStudent(path);
    const { student } = restored;

    it('is restored in the shape that it was trained in', () => {
      assert.deepEqual(restored.student.network, network);
      assert.equal(restored.student.name, 'random');
    });

    it('says what it said', () => {
      assertSameSaid(said(network, restored.weights), said(network, weights));
    });

    it('says the same when it is settled, and nearly the same in training', () => {
      const tensors = tf.memory().numTensors;
      const ready = settled(student, restored.weights, data, 1);
      assert.equal(tf.memory().numTensors, tensors);
      assertSameSaid(said(network, ready), said(network, weights));
      const [before, after] = [changeInTraining(network, restored.weights), changeInTraining(network, ready)];
      assert.ok(after < 0.1 && before > 5 * after, `${before}, ${after}`);
    });

    it('is settled in the same way by the same seed', () => {
      const [one, two, three] = [1, 1, 2].map((seed) =>
        settled(student, restored.weights, data, seed).get('embedding.mean'),
      );
      assert.deepEqual(one, two);
      assert.notDeepEqual(one, three);
    });
  });
}

for (const name of ['small', 'nano']) {
  describe(`the model ${name} that ships`, () => {
    const { student, weights } = readInitial(shipped(`${name}.json`), data, 1);
    const files = [`${name}.onnx`, `${name}-heads.onnx`].map((file) => readFileSync(shipped(file))) as [Buffer, Buffer];

    it('is restored without what it was filled up with', () => {
      const { cost, streaming } = JSON.parse(readFileSync(shipped(`${name}.json`), 'utf8'));
      assert.equal(parameterCount(student.network), cost.parameters);
      assert.ok(student.network.width < streaming.steps.width);
      assert.deepEqual([student.training.windows.shortest, student.training.windows.longest], [300, 768]);
    });

    it('is exported again as the same graphs', () => {
      const again = restoredStudent(shipped(`${name}.json`));
      const { network, weights: whole } = filledUp(again.student.network, again.weights);
      assert.ok(isSameGraph(trunkGraph(network, whole), files[0]));
      assert.ok(isSameGraph(headsGraph(network, whole), files[1]));
    });

    it('says what its graphs say', async () => {
      const batch = batchOf(student.network, 3);
      const values = stateValues(filledUp(student.network, weights).network);
      const [trunk, heads] = [await openGraph(files[0]), await openGraph(files[1])];
      const heard = await runGraph<'steps' | 'speech'>(trunk, {
        logmel: { values: batch.logMel, shape: [3, batch.frames, 64] },
        state: { values: new Float32Array(3 * values), shape: [3, values] },
      });
      const outputs = await runGraph<'mos' | 'logVariance' | 'causes'>(heads, { steps: heard.steps });
      const row = (all: Float32Array, n: number) => all.subarray((n * all.length) / 3, ((n + 1) * all.length) / 3);
      const expected = [0, 1, 2].map((n) => ({
        ...{ mos: outputs.mos.values[n] as number, logVariance: outputs.logVariance.values[n] as number },
        ...{ speech: row(heard.speech.values, n), causes: row(outputs.causes.values, n) },
      }));
      assertSameSaid(said(student.network, weights, batch), expected);
    });

    it('is nearly as good in training', () => {
      const ready = new Network(student.network, weights);
      const batch = batchOf(student.network, 16);
      const options = { weights: student.training.losses, progress: 1 };
      const trained = lossGradients(ready, batch, options).losses;
      const used = lossGradients(ready, batch, { ...options, only: 'speech' }).losses;
      ready.dispose();
      const [error, expected] = [trained, used].map(({ squaredError }) => Math.sqrt(squaredError)) as [number, number];
      assert.ok(Math.abs(error - expected) < 0.1, `${error}, ${expected}`);
    });
  });
}

describe('a training that goes on from a model', () => {
  const taught = (speaker: string, seed: number, clips: number) =>
    taughtFolder(join(scratch, 'data'), { speaker, seed, clips });
  const [train, validation] = [taught('train', 1, 20), taught('validation', 2, 6)];
  const initial = writeRandomModel(join(scratch, 'published'), 'random', 'streaming');
  const windows = { shortest: 300, longest: 316, contextFrames: 100 };

  it('is distilled further by the command line', () => {
    const file = join(scratch, 'further.json');
    const training = { ...tinyStudent.training, epochs: 1, windows };
    writeFileSync(file, JSON.stringify({ name: 'further', description: 'trained on', training }));
    const program = join(import.meta.dirname, '../bin/mos-train.mjs');
    const sources = ['--train', train, '--validation', validation, '--initial', initial];
    const command = [program, 'distill', '--student', file, ...sources, '--out', join(scratch, 'further')];
    const { status, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const { student } = readStudent(join(scratch, 'further'));
    assert.deepEqual(student.network, restoredStudent(initial).student.network);
    assert.equal(student.name, 'further');
  });

  it('tells where both come from', () => {
    const { corpora, teachers, seeds, notes, made } = provenanceOf(join(scratch, 'further'));
    assert.deepEqual(corpora, ['none', 'synthesis (CC0-1.0)']);
    assert.equal(teachers[0], 'none');
    assert.match(teachers[1] as string, /^oracle/);
    assert.deepEqual(seeds, [4, 1]);
    assert.match(
      notes,
      /^random weights; then exported as random 0.0.1; then 1 epochs of distillation on 20 simulated/,
    );
    assert.deepEqual(made, ['distilled']);
    assert.deepEqual(trainedOn(join(scratch, 'further')), [train]);
    // The run's own model may take the place of the one that it began with.
    const manifest = readFileSync(initial, 'utf8');
    writeFileSync(initial, manifest.replace('0.0.1', '0.0.2'));
    assert.equal(provenanceOf(join(scratch, 'further')).notes, notes);
    writeFileSync(initial, manifest);
  });

  it('is pruned', () => {
    const options = { initial, pruning: quarter, train: [train], validation: [validation], seed: 1 };
    pruneRun({ ...options, out: join(scratch, 'pruned') });
    const { network } = readStudent(join(scratch, 'pruned')).student;
    assert.ok(parameterCount(network) <= 400);
    assert.deepEqual(provenanceOf(join(scratch, 'pruned')).made, ['pruned']);
    const elsewhere = { ...options, initial: join(scratch, 'nowhere'), out: join(scratch, 'none') };
    assert.throws(() => pruneRun(elsewhere), {
      code: 'invalid-input',
      message: /nowhere: neither a run of .* nor the manifest of a model nor the description of a teacher/,
    });
  });

  it('is compared in 8 bits and in float', async () => {
    const sources = { model: initial, calibration: [validation], taught: [validation] };
    const out = join(scratch, 'quantised');
    const report = await quantize({ out, ...sources, forms: ['streaming'], coverage: 0.5, rangeShare: 1, seed: 1 });
    assert.match(report, /\| random-streaming \| .*\n\| random-streaming-int8 \|/);
    const again = join(out, 'models/random-streaming.json');
    const { provenance } = JSON.parse(readFileSync(again, 'utf8')) as ModelManifest;
    assert.equal(provenance.notes, 'random weights; then exported as random 0.0.1');
    assert.deepEqual(restoredStudent(again).weights, restoredStudent(initial).weights);
  });

  it('is refused where there is neither a run nor a model', () => {
    const clips = openTaught([train], 2);
    for (const path of ['nowhere', 'further.json']) {
      assert.throws(() => readInitial(join(scratch, path), clips, 1), {
        code: 'invalid-input',
        message: new RegExp(`${path}: neither a run of "distill" or "prune" nor the manifest`),
      });
    }
    assert.throws(() => readInitial(join(scratch, 'nowhere.json'), clips, 1), /cannot read .*nowhere.json/);
  });
});

describe('what cannot be restored', () => {
  const folder = join(scratch, 'refused');

  function changed(name: string, change: (manifest: ModelManifest) => object): string {
    const path = writeRandomModel(folder, name, 'streaming');
    writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')))));
    return path;
  }

  function refuses(path: string, message: RegExp): void {
    assert.throws(() => restoredStudent(path), { code: 'invalid-input', message });
  }

  it('is a windowed form', () => {
    refuses(writeRandomModel(folder, 'whole', 'windowed'), /whole.json: form: expected streaming, got windowed/);
  });

  it('is a model in 8 bits', () => {
    const range = { low: -10, high: 10 };
    const layers = ['trunk.0', 'trunk.1.depthwise', 'trunk.1.pointwise', 'embedding'];
    const ranges = new Map(layers.map((name) => [name, { input: range, output: range }]));
    const graphs = () => ({ operators: new QuantisedOperators(ranges) });
    refuses(writeRandomModel(folder, 'rounded', 'streaming', { graphs }), /rounded.onnx: has 8-bit weights/);
  });

  it('is a model of another front end', () => {
    const waveform = { kind: 'waveform', name: 'x', sampleRateHz: 16_000, normalisation: 'peak' };
    const samples = { min: 1, max: 1, multipleOf: 1 };
    const heard = changed('heard', (manifest) => ({ ...manifest, input: { ...waveform, samples } }));
    refuses(heard, /heard.json: input.kind: expected logmel, got waveform/);
    const other = changed('other', ({ input, ...manifest }) => ({
      ...manifest,
      input: { ...input, mels: 40 },
    }));
    refuses(other, /other.json: input.mels: expected 64, got 40/);
  });

  it('is a file that its manifest was not written for', () => {
    const path = writeRandomModel(folder, 'swapped', 'streaming');
    copyFileSync(join(folder, 'swapped-heads.onnx'), join(folder, 'swapped.onnx'));
    refuses(path, /swapped.onnx: sha256: expected [0-9a-f]{64} \(.*swapped.json\), got/);
  });

  it('is a manifest with a wrong field', () => {
    refuses(
      changed('wrong', (manifest) => ({ ...manifest, colour: 'red' })),
      /wrong.json: the manifest: .*colour/,
    );
  });

  it('is a graph that something else wrote', () => {
    const graph = new GraphBuilder('other');
    graph.output('y', graph.node('Relu', [graph.input('x', ['batch'])]), ['batch']);
    const bytes = graph.build();
    const foreign = changed('foreign', (manifest) => ({ ...manifest, sha256: sha256(bytes) }));
    writeFileSync(join(folder, 'foreign.onnx'), bytes);
    refuses(foreign, /foreign.onnx: is not the graph of a student as "export" writes it/);
  });

  it('is a graph that computes more than is read', () => {
    const graphs = () => ({ operators: new MoreOperators() });
    refuses(writeRandomModel(folder, 'more', 'streaming', { graphs }), /more.onnx: is not the graph of a student/);
  });
});
