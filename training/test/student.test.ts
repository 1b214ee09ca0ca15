import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Random } from '../src/run/random.ts';
import {
  framesPerStep,
  type NetworkConfiguration,
  networkSchema,
  receptiveFrames,
} from '../src/student/configuration.ts';
import { normalisationEpsilon } from '../src/student/constants.ts';
import { Dropout } from '../src/student/dropout.ts';
import { batchNormalise, convolve, filterChannels, lstm, rectify } from '../src/student/kernels.ts';
import { crossEntropy, gaussianLikelihood, squaredError } from '../src/student/losses.ts';
import { type BatchStatistics, Network } from '../src/student/network.ts';
import { initialWeights, parameterCount, weightSpecs } from '../src/student/weights.ts';
import { tf } from '../src/tensorflow.ts';
import { checkGradients, normalTensor } from './support/gradients.ts';

const small = networkSchema.parse({
  mels: 16,
  trunk: [
    { channels: 4, stride: [2, 2] },
    { channels: 6, stride: [2, 2], separable: true },
    { channels: 6, stride: [1, 2], separable: true },
  ],
  width: 8,
  memory: { kind: 'lstm' },
  pooling: { heads: 2 },
  hidden: 6,
});
const delayed: NetworkConfiguration = { ...small, memory: { kind: 'time-delay', kernel: 3, dilations: [1, 2] } };

const maximum = (x: tf.Tensor) => tf.tidy(() => x.abs().max().dataSync()[0] as number);
const difference = (a: tf.Tensor, b: tf.Tensor) => tf.tidy(() => maximum(a.sub(b)));

describe('network configuration', () => {
  it('gives the frames of a step and what a step sees', () => {
    assert.equal(framesPerStep(small), 4);
    assert.equal(receptiveFrames(small), 1 + 2 + 2 * 2 + 2 * 4);
  });

  it('is refused with unknown keys and with strides beyond the kernel', () => {
    assert.throws(() => networkSchema.parse({ ...small, depth: 3 }), /depth/);
    assert.throws(() => networkSchema.parse({ ...small, trunk: [{ channels: 4, kernel: [1, 3], stride: [2, 1] }] }));
  });

  it('counts parameters as the weights have them', () => {
    const network = new Network(small, initialWeights(small, 1));
    const sum = [...network.trainable().values()].reduce((total, { size }) => total + size, 0);
    assert.equal(parameterCount(small), sum);
    network.dispose();
  });

  it('begins with the same weights for the same seed, others for another, also for seed 0', () => {
    const kernel = (seed: number) => initialWeights(small, seed).get('trunk.0.kernel') as Float32Array;
    assert.deepEqual(kernel(0), kernel(0));
    assert.notDeepEqual(kernel(0), kernel(1));
  });
});

describe('kernels', () => {
  it('batch normalisation has the value and the gradients of its definition', () => {
    const [x, gain, shift] = [
      normalTensor([3, 5, 2, 4], 'x', 2),
      normalTensor([4], 'gain'),
      normalTensor([4], 'shift'),
    ];
    const weigh = normalTensor(x.shape, 'weigh');
    const value = (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) =>
      batchNormalise(a as tf.Tensor4D, b, c, (mean, variance) => tf.dispose([mean, variance]));
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    const expected = x.sub(mean).mul(variance.add(normalisationEpsilon).rsqrt()).mul(gain).add(shift);
    assert.ok(difference(value(x, gain, shift), expected) < 1e-5);
    checkGradients((a, b, c) => value(a, b, c).mul(weigh).sum().asScalar(), [x, gain, shift]);
  });

  it('the rectifier has the value and the gradient of the stock one', () => {
    const [x, weigh] = [normalTensor([3, 5, 4], 'x'), normalTensor([3, 5, 4], 'weigh')];
    assert.equal(difference(rectify(x), tf.relu(x)), 0);
    const through = (f: (a: tf.Tensor) => tf.Tensor) => tf.grad((a) => f(a).mul(weigh).sum())(x);
    assert.equal(difference(through(rectify), through(tf.relu)), 0);
  });

  it('a convolution of one channel has the gradients of the stock one, whatever the kernel and the strides', () => {
    const shapes: [size: [number, number], kernel: [number, number], strides: [number, number]][] = [
      [
        [9, 8],
        [3, 3],
        [2, 2],
      ],
      [
        [10, 9],
        [3, 5],
        [1, 2],
      ],
      [
        [11, 10],
        [4, 3],
        [2, 3],
      ],
      [
        [12, 7],
        [3, 2],
        [3, 1],
      ],
      [
        [8, 8],
        [1, 1],
        [1, 1],
      ],
    ];
    for (const [size, taps, strides] of shapes) {
      const x = normalTensor([3, ...size, 1], 'x') as tf.Tensor4D;
      const kernel = normalTensor([...taps, 1, 4], 'kernel') as tf.Tensor4D;
      const stock = (a: tf.Tensor, b: tf.Tensor) => tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, strides, 'valid');
      const ours = (a: tf.Tensor, b: tf.Tensor) => convolve(a as tf.Tensor4D, b as tf.Tensor4D, strides);
      const weigh = normalTensor(stock(x, kernel).shape, 'weigh');
      const through = (f: typeof ours) => tf.grads((a, b) => f(a, b).mul(weigh).sum())([x, kernel]);
      assert.equal(difference(ours(x, kernel), stock(x, kernel)), 0);
      const [expected, got] = [through(stock), through(ours)];
      for (const [index, gradient] of expected.entries()) {
        assert.ok(difference(gradient, got[index] as tf.Tensor) < 1e-5, `${taps} ${strides}: input ${index}`);
      }
    }
  });

  it('filtering channel by channel has the value and the gradients of the stock one on a copy with zeros around', () => {
    for (const { stride, above, aside } of [
      { stride: 1, above: 2, aside: 1 },
      { stride: 2, above: 1, aside: 1 },
      { stride: 1, above: 0, aside: 2 },
      { stride: 2, above: 0, aside: 0 },
    ]) {
      const x = normalTensor([3, 10, 8, 5], 'x') as tf.Tensor4D;
      const kernel = normalTensor([3, 3, 5, 1], 'kernel') as tf.Tensor4D;
      const stock = (a: tf.Tensor, b: tf.Tensor) => {
        const none: [number, number] = [0, 0];
        const around = a.pad([none, [above, 0], [aside, aside], none]) as tf.Tensor4D;
        return tf.depthwiseConv2d(around, b as tf.Tensor4D, stride, 'valid') as tf.Tensor4D;
      };
      const ours = (a: tf.Tensor, b: tf.Tensor) =>
        filterChannels(a as tf.Tensor4D, b as tf.Tensor4D, stride, { above, aside });
      const weigh = normalTensor(stock(x, kernel).shape, 'weigh');
      const through = (f: typeof ours) => tf.grads((a, b) => f(a, b).mul(weigh).sum())([x, kernel]);
      const name = `stride ${stride}, ${above} above, ${aside} aside`;
      assert.ok(difference(ours(x, kernel), stock(x, kernel)) < 1e-5, name);
      const [expected, got] = [through(stock), through(ours)];
      for (const [index, gradient] of expected.entries()) {
        assert.ok(difference(gradient, got[index] as tf.Tensor) < 1e-4, `${name}: input ${index}`);
      }
    }
  });

  it('the LSTM has the value of its equations and gradients that fit it', () => {
    const [steps, batch, inputs, units] = [5, 2, 3, 4];
    const x = normalTensor([steps, batch, inputs], 'x') as tf.Tensor3D;
    const kernel = normalTensor([inputs + units, 4 * units], 'kernel', 0.5) as tf.Tensor2D;
    const bias = normalTensor([4 * units], 'bias') as tf.Tensor1D;
    const state = {
      cell: normalTensor([batch, units], 'cell') as tf.Tensor2D,
      output: normalTensor([batch, units], 'output', 0.3) as tf.Tensor2D,
    };
    let { cell, output } = state;
    const expected = tf.unstack(x).map((input) => {
      const gates = tf.matMul(tf.concat([input as tf.Tensor2D, output], 1), kernel).add(bias);
      const [i, f, c, o] = tf.split(gates, 4, 1) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
      cell = tf
        .sigmoid(f)
        .mul(cell)
        .add(tf.sigmoid(i).mul(tf.tanh(c)));
      output = tf.sigmoid(o).mul(tf.tanh(cell));
      return output;
    });
    const [outputs, cells] = lstm(x, state, kernel, bias);
    assert.ok(difference(outputs, tf.stack(expected)) < 1e-5);
    assert.ok(difference(cells.slice([steps - 1, 0, 0]).reshape([batch, units]), cell) < 1e-5);
    const weigh = normalTensor([steps, batch, units], 'weigh');
    checkGradients(
      (a, b, c) =>
        lstm(a as tf.Tensor3D, state, b as tf.Tensor2D, c as tf.Tensor1D)[0]
          .mul(weigh)
          .sum()
          .asScalar(),
      [x, kernel, bias],
    );
  });
});

describe('dropout', () => {
  it('leaves out its share and keeps the mean', () => {
    const dropped = new Dropout(0.25, Random.derive(1, 'dropout')).apply(tf.ones([50, 40])).dataSync();
    const left = dropped.filter((value) => value === 0).length;
    assert.ok(Math.abs(left / 2000 - 0.25) < 0.04, `${left} of 2000 are left out`);
    assert.ok(dropped.every((value) => value === 0 || Math.abs(value - 4 / 3) < 1e-6));
  });

  it('leaves the same values out in every step of a sequence', () => {
    const x = new Dropout(0.5, Random.derive(1, 'dropout')).apply(tf.ones([2, 3, 8]) as tf.Tensor3D);
    const [first, last] = [0, 2].map((step) => x.slice([0, step, 0], [2, 1, 8]).dataSync());
    assert.deepEqual(first, last);
    assert.ok(first?.includes(0) && first.includes(2));
  });

  it('has a gradient where values stay', () => {
    const dropped = (x: tf.Tensor) => new Dropout(0.5, Random.derive(1, 'dropout')).apply(x).square().mean().asScalar();
    checkGradients(dropped, [normalTensor([3, 4], 'values')]);
  });

  it('leaves all as it is at 0', () => {
    const x = tf.ones([2, 2]);
    assert.equal(new Dropout(0, Random.derive(1, 'dropout')).apply(x), x);
  });
});

describe('losses', () => {
  const mask = tf.tensor1d([1, 1, 0, 1]);
  const target = tf.tensor1d([1.5, 3, 4, 4.5]);
  const mos = tf.tensor1d([2, 2.5, 1, 4.4]);
  const logVariance = tf.tensor1d([0.2, -1, 3, -2]);

  it('the squared error leaves masked values out', () => {
    const value = squaredError(mos, target, mask).dataSync()[0] as number;
    assert.ok(Math.abs(value - (0.25 + 0.25 + 0.01) / 3) < 1e-6);
    checkGradients((x) => squaredError(x, target, mask), [mos]);
  });

  it('an empty mask costs nothing and has no gradient', () => {
    const none = tf.zerosLike(mask);
    const gradient = tf.grad((x) => squaredError(x as tf.Tensor, target, none))(mos);
    assert.equal(maximum(gradient), 0);
  });

  it('the Gaussian likelihood is least at the true mean and variance', () => {
    checkGradients((x, y) => gaussianLikelihood(x, y, target, mask), [mos, logVariance]);
    const error = mos.sub(target);
    const best = gaussianLikelihood(mos, error.square().log(), target, mask).dataSync()[0] as number;
    for (const off of [-0.1, 0.1]) {
      const other = gaussianLikelihood(mos, error.square().log().add(off), target, mask).dataSync()[0] as number;
      assert.ok(other > best);
    }
  });

  it('the cross entropy is that of probabilities and does not overflow', () => {
    const logits = tf.tensor1d([0.3, -2, 1, 4]);
    const truth = tf.tensor1d([1, 0, 1, 0]);
    const [p, y] = [logits.sigmoid(), truth];
    const expected = y
      .mul(p.log())
      .add(tf.scalar(1).sub(y).mul(tf.scalar(1).sub(p).log()))
      .mul(mask)
      .sum()
      .div(-3);
    assert.ok(difference(crossEntropy(logits, truth, mask), expected) < 1e-5);
    checkGradients((x) => crossEntropy(x, truth, mask), [logits]);
    assert.equal(crossEntropy(tf.tensor1d([-500]), tf.tensor1d([1]), tf.tensor1d([1])).dataSync()[0], 500);
  });
});

describe('a network with few channels', () => {
  it('trains without harm to the memory of the process', () => {
    const trunk = small.trunk.map((layer) => ({ ...layer, channels: 12 }));
    const configuration = { ...small, mels: 64, trunk };
    const network = new Network(configuration, initialWeights(configuration, 1));
    const frames = normalTensor([32, 320, 64], 'frames') as tf.Tensor3D;
    for (let n = 0; n < 20; n++) {
      tf.tidy(() => {
        const statistics: BatchStatistics = new Map();
        const { grads } = tf.variableGrads(() =>
          network.trunk(frames, { statistics }).speech.square().mean().asScalar(),
        );
        for (const gradient of Object.values(grads)) assert.ok(gradient.isFinite().all().dataSync()[0]);
        for (const { mean, variance } of statistics.values()) tf.dispose([mean, variance]);
      });
    }
    network.dispose();
  });
});

for (const [name, configuration] of Object.entries({ recurrent: small, 'time-delay': delayed })) {
  describe(`the ${name} network`, () => {
    const network = new Network(configuration, initialWeights(configuration, 3));
    const frames = normalTensor([3, 24, 16], 'frames') as tf.Tensor3D;

    it('gives steps in pieces as it gives them in one', () => {
      const whole = network.trunk(frames);
      let state: ReturnType<Network['trunk']>['state'] | undefined;
      const pieces = [4, 12, 8].map((length, index) => {
        const start = [0, 4, 16][index] as number;
        const piece = network.trunk(frames.slice([0, start, 0], [3, length, 16]), state ? { state } : {});
        state = piece.state;
        return piece;
      });
      assert.ok(
        difference(
          whole.steps,
          tf.concat(
            pieces.map(({ steps }) => steps),
            1,
          ),
        ) < 1e-5,
      );
      assert.ok(
        difference(
          whole.speech,
          tf.concat(
            pieces.map(({ speech }) => speech),
            1,
          ),
        ) < 1e-5,
      );
    });

    it('does not look ahead', () => {
      const changed = tf.concat(
        [frames.slice([0, 0, 0], [3, 12, 16]), normalTensor([3, 12, 16], 'other') as tf.Tensor3D],
        1,
      );
      const first = (x: tf.Tensor3D) => network.trunk(x).steps.slice([0, 0, 0], [3, 3, 8]);
      assert.equal(difference(first(frames), first(changed as tf.Tensor3D)), 0);
    });

    it('has gradients that fit its values', () => {
      const names = weightSpecs(configuration)
        .filter(({ trainable }) => trainable)
        .map((spec) => spec.name);
      const target = tf.tensor1d([1, 3, 5]);
      const ones = tf.ones([3]);
      const loss = () => {
        const statistics: BatchStatistics = new Map();
        const { steps, speech } = network.trunk(frames, { statistics });
        const { mos, logVariance, causes } = network.heads(steps);
        for (const { mean, variance } of statistics.values()) tf.dispose([mean, variance]);
        const parts = [
          squaredError(mos, target, ones),
          gaussianLikelihood(mos, logVariance, target, ones),
          crossEntropy(speech, tf.ones(speech.shape), tf.ones(speech.shape)),
          crossEntropy(causes, tf.zeros(causes.shape), tf.ones(causes.shape)),
        ];
        return tf.addN(parts).asScalar();
      };
      const variables = names.map((each) => network.variable(each));
      const { grads } = tf.variableGrads(loss, variables);
      for (const each of names) {
        const variable = network.variable(each);
        const before = variable.clone();
        const raw = normalTensor(variable.shape, `direction ${each}`);
        const direction = raw.div(raw.norm());
        const at = (distance: number) => {
          variable.assign(before.add(direction.mul(distance)));
          return tf.tidy(() => loss().dataSync()[0] as number);
        };
        const step = 5e-4; // small: rectifiers bend the loss
        const numeric = (at(step) - at(-step)) / (2 * step);
        variable.assign(before as typeof variable);
        const analytic = (grads[variable.name] as tf.Tensor).mul(direction).sum().dataSync()[0] as number;
        const scale = Math.max(Math.abs(analytic), Math.abs(numeric), 0.3);
        assert.ok(Math.abs(analytic - numeric) < 0.03 * scale, `${each}: gradient ${analytic}, differences ${numeric}`);
      }
    });

    it('leaves values out before the memory and after the pooling', () => {
      const dropout = () => new Dropout(0.5, Random.derive(1, 'dropout'));
      const { steps } = network.trunk(frames);
      assert.ok(difference(network.trunk(frames, { dropout: dropout() }).steps, steps) > 0.01);
      assert.ok(difference(network.heads(steps, undefined, dropout()).mos, network.heads(steps).mos) > 0.01);
    });

    it('leaves no tensors behind', () => {
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        network.heads(network.trunk(frames).steps);
      });
      const statistics: BatchStatistics = new Map();
      tf.tidy(() => {
        const { value, grads } = tf.variableGrads(() =>
          network.trunk(frames, { statistics }).steps.square().mean().asScalar(),
        );
        tf.dispose([value, grads]);
      });
      for (const { mean, variance } of statistics.values()) tf.dispose([mean, variance]);
      assert.equal(tf.memory().numTensors, before);
    });

    it('refuses frames that do not fill steps and other bands', () => {
      assert.throws(() => network.trunk(tf.zeros([1, 6, 16])), /multiple of 4, got 6/);
      assert.throws(() => network.trunk(tf.zeros([1, 8, 12])), /expected 16, got 12/);
    });
  });
}
