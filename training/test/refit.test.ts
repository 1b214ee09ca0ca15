import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DistillMosNetwork } from '../src/distill-mos/network.ts';
import { distillMosSamples } from '../src/distill-mos/shape.ts';
import { LeastSquares } from '../src/prune/least-squares.ts';
import { type Reduced, refitted } from '../src/prune/refit.ts';
import { Random } from '../src/run/random.ts';
import { distillMosFamily } from '../src/structure/distill-mos-family.ts';
import { cutOut, everything } from '../src/structure/structure.ts';
import { tf } from '../src/tensorflow.ts';
import { irregularShape, randomDistillMos } from './support/distill-mos.ts';

const normal = (name: string, size: number) => {
  const random = Random.derive(1, 'refit test', name);
  return Float32Array.from({ length: size }, () => random.normal());
};

describe('least squares', () => {
  it('finds weights and biases that rows were made with', () => {
    const [inputs, outputs, n] = [5, 3, 200];
    const [kernel, bias] = [normal('kernel', inputs * outputs), normal('bias', outputs)];
    const fit = new LeastSquares(inputs, outputs);
    for (const part of ['first', 'second']) {
      const rows = normal(part, n * inputs);
      const targets = Float32Array.from({ length: n * outputs }, (_, at) => {
        const [row, output] = [Math.floor(at / outputs), at % outputs];
        const terms = Array.from(
          { length: inputs },
          (_, k) => (rows[row * inputs + k] as number) * (kernel[k * outputs + output] as number),
        );
        return terms.reduce((sum, term) => sum + term, bias[output] as number);
      });
      fit.add(rows, targets);
    }
    const found = fit.solve();
    const largest = (a: Float32Array, b: Float32Array) =>
      Math.max(...a.map((value, at) => Math.abs(value - (b[at] as number))));
    assert.ok(largest(found.kernel, kernel) < 1e-3 && largest(found.bias, bias) < 1e-3);
  });

  it('gives what never varies no weight', () => {
    const fit = new LeastSquares(2, 1);
    fit.add(Float32Array.of(1, 0, 2, 0, 3, 0), Float32Array.of(1, 2, 3));
    const { kernel } = fit.solve();
    assert.ok(Math.abs((kernel[0] as number) - 1) < 0.01);
    assert.equal(kernel[1], 0);
  });
});

describe('a network refitted after a cut', () => {
  // The second channel of the first convolution, and the third of the last one, say what the first does.
  const weights = randomDistillMos(irregularShape);
  const copyOfFirst = (name: string, unit: number, channels: number) => {
    const values = weights.get(name) as Float32Array;
    for (let at = 0; at < values.length; at += channels) values[at + unit] = values[at] as number;
  };
  for (const part of ['kernel', 'bias']) {
    copyOfFirst(`convolution.0.${part}`, 1, 3);
    copyOfFirst(`convolution.5.${part}`, 2, 3);
  }
  const larger: Reduced = { shape: irregularShape, weights };
  const kept = everything(distillMosFamily.groups(irregularShape));
  kept.set('convolution.0', [0, 2]);
  kept.set('convolution.5', [0, 1]);
  const smaller: Reduced = {
    shape: distillMosFamily.shrunk(irregularShape, kept),
    weights: cutOut(distillMosFamily.layouts(irregularShape), weights, kept),
  };
  const waveforms = ['a', 'b', 'c'].map((name) => normal(name, distillMosSamples));
  const mosOf = ({ shape, weights: arrays }: Reduced) => {
    const network = new DistillMosNetwork(shape, arrays);
    const said = waveforms.map((samples) =>
      tf.tidy(
        () => network.mos(network.spectrum(tf.tensor2d(samples, [1, distillMosSamples]))).dataSync()[0] as number,
      ),
    );
    network.dispose();
    return said;
  };
  const error = (network: Reduced) => {
    const wanted = mosOf(larger);
    return Math.max(...mosOf(network).map((mos, n) => Math.abs(mos - (wanted[n] as number))));
  };

  it('says what it said when what was taken out was said twice', () => {
    const before = tf.memory().numTensors;
    const refit = refitted(larger, smaller, kept, waveforms);
    assert.equal(tf.memory().numTensors, before);
    const [cut, fitted] = [error(smaller), error({ ...smaller, weights: refit })];
    console.log(`largest error ${cut.toFixed(3)} as it was cut, ${fitted.toFixed(3)} refitted`);
    assert.ok(fitted < 0.02 && fitted < cut / 5);
  });

  it('changes the convolutions and the projection only', () => {
    const refit = refitted(larger, smaller, kept, waveforms.slice(0, 1));
    assert.deepEqual([...refit.keys()], [...smaller.weights.keys()]);
    for (const [name, values] of smaller.weights) {
      if (/^(convolution|projection)/.test(name)) continue;
      assert.deepEqual(refit.get(name), values, name);
    }
  });
});
