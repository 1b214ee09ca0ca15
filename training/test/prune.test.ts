import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DistillMosNetwork } from '../src/distill-mos/network.ts';
import { distillMosSpecs, publishedShape } from '../src/distill-mos/shape.ts';
import { windowedGraph } from '../src/export/student-graph.ts';
import { lossGradients } from '../src/learning/losses.ts';
import { predict } from '../src/learning/predict.ts';
import { layOutAlone } from '../src/learning/validate.ts';
import { floorLog10 } from '../src/learning/windows.ts';
import { openGraph, runGraph } from '../src/onnx/session.ts';
import { ImportanceMeter, sensitivities } from '../src/prune/importance.ts';
import { checkReachable, select } from '../src/prune/selection.ts';
import { readArrays } from '../src/run/arrays.ts';
import { distillMosFamily } from '../src/structure/distill-mos-family.ts';
import { cutOut, everything, type Family, sumsOverReaders, type Weights } from '../src/structure/structure.ts';
import { studentFamily } from '../src/structure/student-family.ts';
import { type NetworkConfiguration, networkSchema } from '../src/student/configuration.ts';
import { Network } from '../src/student/network.ts';
import { initialWeights, parameterCount, weightSpecs } from '../src/student/weights.ts';
import { tf } from '../src/tensorflow.ts';
import { irregularShape, randomDistillMos } from './support/distill-mos.ts';
import { normalTensor } from './support/gradients.ts';
import { quarter } from './support/pruning.ts';
import { scratchFolder } from './support/scratch.ts';
import { syntheticData } from './support/synthetic.ts';
import { tinyStudent } from './support/tiny-student.ts';

const scratch = scratchFolder();
const recurrent = networkSchema.parse({
  ...tinyStudent.network,
  trunk: [...tinyStudent.network.trunk, { channels: 5 }],
});
const delayed: NetworkConfiguration = { ...recurrent, memory: { kind: 'time-delay', kernel: 3, dilations: [1, 2, 4] } };
const shape = { mels: 16, framesPerStep: 4, floorLog10 };
const clips = [...syntheticData(3, 1, 8).clips()];
const batch = layOutAlone(clips, tinyStudent.training.windows, shape);

/** Weights of which the units `faded` of a group reach nothing else: what reads them is 0. */
function fade<Shape>(family: Family<Shape>, of: Shape, weights: Weights, group: string, faded: readonly number[]) {
  const copies = new Map([...weights].map(([name, values]) => [name, values.slice()]));
  for (const { name, view, axes, reads = [], owner } of family.layouts(of)) {
    const values = copies.get(name) as Float32Array;
    if (owner?.reads && owner.group === group && faded.includes(owner.unit)) values.fill(0);
    for (const axis of reads) {
      if (axes[axis] !== group) continue;
      const inner = view.slice(axis + 1).reduce((product, size) => product * size, 1);
      for (const n of values.keys()) {
        if (faded.includes(Math.floor(n / inner) % (view[axis] as number))) values[n] = 0;
      }
    }
  }
  return copies;
}

function without<Shape>(family: Family<Shape>, of: Shape, weights: Weights, group: string, gone: readonly number[]) {
  const kept = everything(family.groups(of));
  kept.set(
    group,
    (kept.get(group) as readonly number[]).filter((unit) => !gone.includes(unit)),
  );
  return { shape: family.shrunk(of, kept), weights: cutOut(family.layouts(of), weights, kept) };
}

function said(network: NetworkConfiguration, weights: Weights): number[] {
  const opened = new Network(network, weights);
  const predictions = predict(opened, batch);
  opened.dispose();
  return predictions.flatMap(({ mos, logVariance, speech, causes }) => [mos, logVariance, ...speech, ...causes]);
}

function gap(a: readonly number[], b: readonly number[]): number {
  assert.equal(a.length, b.length);
  return a.reduce((most, value, n) => Math.max(most, Math.abs(value - (b[n] as number))), 0);
}

for (const [kind, network] of Object.entries({ recurrent, delayed })) {
  describe(`units of a ${kind} student`, () => {
    const weights = initialWeights(network, 1);
    const groups = studentFamily.groups(network);

    it('cover every array', () => {
      const layouts = studentFamily.layouts(network);
      assert.deepEqual(
        layouts.map(({ name, view }) => [name, view.reduce((product, size) => product * size, 1)]),
        weightSpecs(network).map(({ name, shape: sizes }) => [
          name,
          sizes.reduce((product, size) => product * size, 1),
        ]),
      );
    });

    for (const { name, size } of groups) {
      it(`${name}: taken out, what reaches nothing changes nothing`, () => {
        const gone = size > 2 ? [0, 2] : [1];
        const faded = fade(studentFamily, network, weights, name, gone);
        const smaller = without(studentFamily, network, faded, name, gone);
        assert.equal(
          studentFamily.groups(smaller.shape).find((group) => group.name === name)?.size,
          size - gone.length,
        );
        for (const { name: array, shape: sizes } of weightSpecs(smaller.shape)) {
          const expected = sizes.reduce((product, length) => product * length, 1);
          assert.equal(smaller.weights.get(array)?.length, expected, array);
        }
        assert.ok(parameterCount(smaller.shape) < parameterCount(network));
        // The deviation of what is constant is not quite 0.
        assert.ok(gap(said(network, faded), said(smaller.shape, smaller.weights)) < 1e-4);
        assert.ok(gap(said(network, weights), said(smaller.shape, smaller.weights)) > 1e-3);
      });
    }

    it('are as sensitive as finite differences say', () => {
      const { losses } = tinyStudent.training;
      const opened = new Network(network, weights);
      const many = layOutAlone([...syntheticData(3, 1, 32).clips()], tinyStudent.training.windows, shape);
      const { gradients } = lossGradients(opened, many, { weights: losses, progress: 1 });
      const layouts = studentFamily.layouts(network);
      const analytic = sensitivities(groups, layouts, weights, gradients);
      const lossWith = (group: string, unit: number, factor: number) => {
        const faded = fade(studentFamily, network, weights, group, [unit]);
        for (const [array, values] of weights) {
          const zeroed = faded.get(array) as Float32Array;
          opened.set(
            array,
            values.map((value, n) => (zeroed[n] === value ? value : factor * value)),
          );
        }
        return lossGradients(opened, many, { weights: losses, progress: 1 }).losses.total;
      };
      for (const { name, size } of groups) {
        for (const unit of [0, size - 1]) {
          // The loss has bends where rectifiers open: near is better.
          const step = 0.001;
          const numeric = (lossWith(name, unit, 1 + step) - lossWith(name, unit, 1 - step)) / (2 * step);
          const value = analytic.get(name)?.[unit] as number;
          const scale = Math.max(Math.abs(value), Math.abs(numeric), 2e-2);
          assert.ok(Math.abs(value - numeric) < 0.06 * scale, `${name} ${unit}: ${value}, differences ${numeric}`);
        }
      }
      opened.dispose();
    });
  });
}

describe('units of Distill-MOS', () => {
  const weights = randomDistillMos(irregularShape);
  const spectrum = normalTensor([1, 161, 768, 2], 'spectrum') as tf.Tensor4D;
  const mosOf = (of: typeof irregularShape, arrays: Weights) => {
    const network = new DistillMosNetwork(of, arrays);
    const mos = tf.tidy(() => network.mos(spectrum).dataSync()[0] as number);
    network.dispose();
    return mos;
  };

  it('cover every array', () => {
    const product = (sizes: readonly number[]) => sizes.reduce((all, size) => all * size, 1);
    for (const of of [irregularShape, publishedShape]) {
      const laidOut = new Map(distillMosFamily.layouts(of).map(({ name, view }) => [name, product(view)]));
      assert.deepEqual(laidOut, new Map(distillMosSpecs(of).map(({ name, shape: sizes }) => [name, product(sizes)])));
    }
  });

  // What is left out of "width" is layer normalisation, and layers have gates of their own: see the network.
  for (const { name, size } of distillMosFamily.groups(irregularShape)) {
    if (name === 'width' || name === 'layers' || size === 1) continue;
    it(`${name}: taken out, what reaches nothing changes nothing`, () => {
      const faded = fade(distillMosFamily, irregularShape, weights, name, [0]);
      const smaller = without(distillMosFamily, irregularShape, faded, name, [0]);
      assert.ok(distillMosFamily.cost(smaller.shape).parameters < distillMosFamily.cost(irregularShape).parameters);
      assert.ok(Math.abs(mosOf(irregularShape, faded) - mosOf(smaller.shape, smaller.weights)) < 1e-4);
    });
  }

  it('take whole layers and values per step with them', () => {
    const layer = without(distillMosFamily, irregularShape, weights, 'layers', [0]);
    assert.deepEqual(layer.shape.layers, [{ heads: 1, units: 5 }]);
    assert.deepEqual(layer.weights.get('layer.0.units.kernel'), weights.get('layer.1.units.kernel'));
    assert.ok(Number.isFinite(mosOf(layer.shape, layer.weights)));
    const narrow = without(distillMosFamily, irregularShape, weights, 'width', [0, 4]);
    assert.equal(narrow.shape.width, 8);
    assert.ok(Number.isFinite(mosOf(narrow.shape, narrow.weights)));
  });

  it('cost what can be counted by hand', () => {
    // Convolutions, features and projection, layers, pooling, MOS.
    const parameters = 1_587_328 + 207_048 + 7 * 322_200 + 81_201 + 201;
    assert.equal(distillMosFamily.cost(publishedShape).parameters, parameters);
  });
});

describe('importance', () => {
  it('is the mean square over batches, so that signs do not cancel', () => {
    const meter = new ImportanceMeter([{ name: 'a', size: 2, least: 1 }]);
    meter.add(new Map([['a', Float64Array.of(1, -3)]]));
    meter.add(new Map([['a', Float64Array.of(-1, 1)]]));
    assert.deepEqual([...(meter.importance().get('a') as Float64Array)], [1, 5]);
    assert.throws(() => meter.add(new Map()), /no sensitivities of a/);
  });
});

describe('selection', () => {
  const options = { mostPerRound: 1, spare: [] };
  const ones = () => sumsOverReaders(studentFamily.groups(recurrent), studentFamily.layouts(recurrent), () => () => 1);

  it('stays within the budget, the least important first', () => {
    const importance = ones();
    (importance.get('width') as Float64Array).fill(1e-6);
    (importance.get('width') as Float64Array)[3] = 1e-9;
    const limit = studentFamily.cost(recurrent).parameters - 1;
    const kept = select(studentFamily, recurrent, importance, { measure: 'parameters', limit }, options);
    assert.deepEqual(kept.get('width'), [0, 1, 2, 4, 5, 6, 7]);
    for (const { name, size } of studentFamily.groups(recurrent)) {
      if (name !== 'width') assert.equal(kept.get(name)?.length, size);
    }
    for (const measure of ['parameters', 'macsPerSecond'] as const) {
      const half = studentFamily.cost(recurrent)[measure] / 2;
      const smaller = studentFamily.shrunk(
        recurrent,
        select(studentFamily, recurrent, ones(), { measure, limit: half }, options),
      );
      assert.ok(studentFamily.cost(smaller)[measure] <= half);
      assert.ok(studentFamily.cost(smaller)[measure] > half / 2);
    }
  });

  it('spares what is named, and takes no more of a group at once than it may', () => {
    const budget = { measure: 'parameters', limit: 0.7 * studentFamily.cost(recurrent).parameters } as const;
    const kept = select(studentFamily, recurrent, ones(), budget, { mostPerRound: 0.5, spare: ['trunk', 'heads'] });
    assert.deepEqual(
      ['trunk.0', 'trunk.1', 'trunk.2', 'heads'].map((name) => kept.get(name)?.length),
      [4, 6, 5, 2],
    );
    assert.ok((kept.get('width') as readonly number[]).length >= 4);
  });

  it('refuses what cannot be reached, and groups that are not there', () => {
    const check = (limit: number, spare: string[]) => () =>
      checkReachable(studentFamily, recurrent, { measure: 'parameters', limit }, spare);
    assert.throws(check(50, []), { code: 'invalid-input', message: /target: at least \d+ parameters remain/ });
    assert.throws(check(500, ['layer']), { code: 'invalid-input', message: /no group is called layer/ });
    check(500, [])();
  });
});

describe('prune', () => {
  const child = join(import.meta.dirname, 'support/prune-child.ts');
  const run = (out: string, ...killAfter: string[]) =>
    spawnSync(process.execPath, ['--import', 'tsx', child, out, ...killAfter], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, OMP_NUM_THREADS: '1', TF_NUM_INTRAOP_THREADS: '1' },
    });
  const whole = join(scratch, 'whole');

  it('leaves an ordinary student of smaller shape', async () => {
    assert.equal(run(whole).status, 0);
    const { arrays, metadata } = readArrays(join(whole, 'student.safetensors'));
    const student = JSON.parse(metadata.student as string) as { name: string; network: NetworkConfiguration };
    assert.equal(student.name, 'quarter');
    assert.ok(parameterCount(student.network) <= 400);
    for (const { name, shape: sizes } of weightSpecs(student.network)) assert.deepEqual(arrays.get(name)?.shape, sizes);
    const lines = readFileSync(join(whole, 'rounds.csv'), 'utf8').trim().split('\n');
    assert.match(lines[0] as string, /^round,parameters,macsPerSecond,pcc,rmse/);
    const parameters = lines.slice(1).map((line) => Number(line.split(',')[1]));
    assert.equal(parameters[0], parameterCount(tinyStudent.network));
    assert.equal(parameters.length, 3);
    assert.ok((parameters[1] as number) < (parameters[0] as number) && (parameters[2] as number) <= 400);

    const weights = new Map([...arrays].map(([name, { values }]) => [name, values]));
    const session = await openGraph(windowedGraph(student.network, weights));
    const frames = { values: batch.logMel, shape: [batch.size, batch.frames, 16] };
    const { mos } = await runGraph<'mos'>(session, { logmel: frames });
    const network = new Network(student.network, weights);
    const expected = predict(network, batch).map((prediction) => prediction.mos);
    network.dispose();
    assert.ok(gap([...mos.values], expected) < 1e-4);
  });

  it('killed again and again gives bit for bit what it gives uninterrupted', () => {
    const out = join(scratch, 'killed');
    // Before the first checkpoint, within the first round, and within the second.
    for (const steps of ['1', '4', '4']) assert.equal(run(out, steps).signal, 'SIGKILL');
    assert.equal(run(out).status, 0);
    for (const file of ['student.safetensors', 'rounds.csv', 'curves.csv', 'checkpoint.safetensors']) {
      assert.ok(readFileSync(join(out, file)).equals(readFileSync(join(whole, file))), file);
    }
  });

  it('with a target above what there is only trains', () => {
    assert.equal(quarter.rounds, 2);
    const network = tinyStudent.network;
    const importance = sumsOverReaders(studentFamily.groups(network), studentFamily.layouts(network), () => () => 1);
    const kept = select(studentFamily, network, importance, { measure: 'parameters', limit: 1e6 }, quarter);
    assert.deepEqual(studentFamily.shrunk(network, kept), network);
  });
});
