import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type DistillMosGraphOptions, distillMosGraph } from '../src/distill-mos/graph.ts';
import { type DistillMosShape, withBesides } from '../src/distill-mos/shape.ts';
import { readStoredDistillMos } from '../src/distill-mos/stored.ts';
import type { ExportedModel } from '../src/export/export.ts';
import { exportTrained } from '../src/export/export-trained.ts';
import { provenanceOf } from '../src/export/provenance.ts';
import { restoredDistillMos } from '../src/export/restored-distill-mos.ts';
import { pruningSchema } from '../src/learning/pruning-configuration.ts';
import { QuantisedOperators } from '../src/onnx/eight-bit-operators.ts';
import { pruneRun } from '../src/prune/open.ts';
import { sha256 } from '../src/run/files.ts';
import { distillMosFamily } from '../src/structure/distill-mos-family.ts';
import { irregularShape, randomDistillMos } from './support/distill-mos.ts';
import { MoreOperators } from './support/more-operators.ts';
import { scratchFolder } from './support/scratch.ts';
import { taughtFolder } from './support/taught.ts';

const scratch = scratchFolder();
const shipped = join(import.meta.dirname, '../../models/large.json');

/** Writes a model as `export` does, with the manifest of the one that ships; returns the manifest's path. */
function publish(name: string, bytes: Uint8Array): string {
  mkdirSync(scratch, { recursive: true });
  const manifest = JSON.parse(readFileSync(shipped, 'utf8'));
  writeFileSync(join(scratch, `${name}.onnx`), bytes);
  const path = join(scratch, `${name}.json`);
  writeFileSync(path, JSON.stringify({ ...manifest, name, file: `${name}.onnx`, sha256: sha256(bytes) }));
  return path;
}

const plain = { shape: irregularShape, weights: randomDistillMos(irregularShape) };
const telling = withBesides(plain, 6, 1);
const networks: Record<string, { shape: DistillMosShape; weights: Map<string, Float32Array> }> = {
  ...{ plain, telling },
  'without layers': ((shape) => ({ shape, weights: randomDistillMos(shape) }))({
    ...{ ...irregularShape, layers: [], headSize: 25 },
  }),
};
const written = ({ shape, weights }: typeof plain, options: DistillMosGraphOptions = {}) =>
  distillMosGraph(shape, weights, { servable: true, ...options });

describe('a model made from Distill-MOS', () => {
  for (const [name, network] of Object.entries(networks)) {
    it(`is restored as it was written: ${name}`, () => {
      const { shape, weights } = restoredDistillMos(publish('model', written(network)));
      assert.deepEqual(shape, network.shape);
      assert.deepEqual(weights, network.weights);
    });
  }

  it('is restored where it counts the steps in which somebody speaks', () => {
    const { weights } = restoredDistillMos(publish('counting', written(telling, { stepThreshold: 0.7 })));
    assert.deepEqual(weights, telling.weights);
  });

  it('is restored as it ships', () => {
    const { shape } = restoredDistillMos(shipped);
    const { cost } = JSON.parse(readFileSync(shipped, 'utf8'));
    assert.equal(distillMosFamily.cost(shape).parameters, cost.parameters);
  });

  it('is pruned further, and tells where it comes from', () => {
    const taught = (speaker: string, seed: number) =>
      taughtFolder(join(scratch, 'data'), { speaker, seed, clips: 6, audible: true });
    const pruning = pruningSchema.parse({
      ...{ name: 'further', description: 'smaller', target: { parameters: 600 }, rounds: 1, importanceBatches: 1 },
      training: { frozen: 'convolutions', steps: 0, finalSteps: 1, batchSize: 2, learningRate: 0.001 },
    });
    const initial = publish('pruned', written(telling));
    const out = join(scratch, 'further');
    pruneRun({ out, initial, pruning, train: [taught('train', 1)], validation: [taught('validation', 2)], seed: 1 });
    const { description } = readStoredDistillMos(join(out, 'distill-mos.safetensors'));
    assert.ok(distillMosFamily.cost(description.shape).parameters <= 600);
    assert.deepEqual(description.shape.besides, { hidden: 6 });
    assert.match(provenanceOf(out).notes, /then exported as pruned [0-9.]+; then pruning to 600 parameters/);
  });

  it('is exported again, with intervals by other clips', async () => {
    const calibration = taughtFolder(join(scratch, 'calibration'), {
      speaker: 'other',
      seed: 3,
      clips: 6,
      audible: true,
    });
    const student = publish('before', written(telling));
    const [exported] = await exportTrained({
      ...{ out: join(scratch, 'after'), student, calibration: [calibration], name: 'after', version: '0.0.2' },
      ...{ forms: ['windowed'], precisions: ['float'], licence: 'MIT', coverage: 0.5, seed: 1 },
    });
    assert.ok((exported as ExportedModel).difference < 1e-4);
    const path = join(scratch, 'after/after.json');
    assert.deepEqual(restoredDistillMos(path).weights, telling.weights);
    assert.match(JSON.parse(readFileSync(path, 'utf8')).provenance.notes, /then exported as before [0-9.]+$/);
  });
});

describe('what cannot be restored as Distill-MOS', () => {
  const refuses = (path: string, message: RegExp) =>
    assert.throws(() => restoredDistillMos(path), { code: 'invalid-input', message });

  it('is a model in 8 bits', () => {
    const range = { low: -10, high: 10 };
    const names = [...plain.weights.keys()].filter((name) => name.endsWith('.kernel'));
    const ranges = new Map(names.map((name) => [name.slice(0, -'.kernel'.length), { input: range, output: range }]));
    const rounded = publish('rounded', written(plain, { operators: new QuantisedOperators(ranges) }));
    refuses(rounded, /rounded.onnx: has 8-bit weights/);
  });

  it('is a graph that computes more than is read', () => {
    const more = publish('more', written(plain, { operators: new MoreOperators() }));
    refuses(more, /more.onnx: is not the graph of a network made from Distill-MOS as "export" writes it/);
  });

  it('is a student', () => {
    refuses(
      join(import.meta.dirname, '../../models/small.json'),
      /small.onnx: is not the graph of a network made from/,
    );
  });
});
