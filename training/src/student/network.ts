import { tf } from '../tensorflow.ts';
import { type Convolution, framesPerStep, type NetworkConfiguration } from './configuration.ts';
import { deviationEpsilon, logVarianceRange, normalisationEpsilon } from './constants.ts';
import type { Dropout } from './dropout.ts';
import {
  batchNormalise,
  convolve,
  filterChannels,
  lstm,
  mixChannels,
  rectify,
  type StatisticsListener,
} from './kernels.ts';
import { type WeightArrays, weightSpecs } from './weights.ts';

/** States of a trunk between two pieces of a sequence, by name; all zero at the start. */
export type TrunkState = ReadonlyMap<string, tf.Tensor>;

export interface TrunkOutput {
  /** [batch, steps, width] */
  steps: tf.Tensor3D;
  /** [batch, steps]: log odds of speech in a step. */
  speech: tf.Tensor2D;
  state: TrunkState;
}

export interface HeadOutput {
  /** [batch], not clipped to the scale. */
  mos: tf.Tensor1D;
  /** [batch]: natural logarithm, from -6 to 2. */
  logVariance: tf.Tensor1D;
  /** [batch, causes]: log odds. */
  causes: tf.Tensor2D;
}

/** Statistics of one batch by the name of their layer; the receiver disposes of the tensors. */
export type BatchStatistics = Map<string, { mean: tf.Tensor; variance: tf.Tensor }>;

/** A student as TensorFlow variables. */
export class Network {
  readonly configuration: NetworkConfiguration;
  readonly #variables: Map<string, tf.Variable>;

  constructor(configuration: NetworkConfiguration, weights: WeightArrays) {
    this.configuration = configuration;
    this.#variables = new Map(
      weightSpecs(configuration).map(({ name, shape, trainable }) => {
        const values = weights.get(name);
        if (!values) throw new RangeError(`weights: ${name} is missing`);
        return [name, tf.tidy(() => tf.variable(tf.tensor(values, [...shape]), trainable))];
      }),
    );
  }

  /** The variables that a gradient trains, by name. */
  trainable(): Map<string, tf.Variable> {
    return new Map([...this.#variables].filter(([, { trainable }]) => trainable));
  }

  variable(name: string): tf.Variable {
    const found = this.#variables.get(name);
    if (!found) throw new RangeError(`no weight is called ${name}`);
    return found;
  }

  /** Copies of all values. */
  weights(): Map<string, Float32Array> {
    return new Map([...this.#variables].map(([name, variable]) => [name, variable.dataSync().slice() as Float32Array]));
  }

  set(name: string, values: Float32Array): void {
    const variable = this.variable(name);
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  }

  dispose(): void {
    for (const variable of this.#variables.values()) variable.dispose();
    this.#variables.clear();
  }

  /**
   * Log-mel frames [batch, frames, mels], frames a multiple of `framesPerStep`, to steps. With `statistics`, in training,
   * normalisation goes by the batch, whose statistics are added to the map, and no state is returned; else by the moving ones.
   * `dropout`: only in training.
   * A sequence in pieces, each with the state of the piece before, gives the same steps as in one.
   */
  trunk(
    frames: tf.Tensor3D,
    { statistics, state, dropout }: { statistics?: BatchStatistics; state?: TrunkState; dropout?: Dropout } = {},
  ): TrunkOutput {
    const { configuration } = this;
    const [batch, count, mels] = frames.shape;
    const perStep = framesPerStep(configuration);
    if (count % perStep !== 0) throw new RangeError(`frames: expected a multiple of ${perStep}, got ${count}`);
    if (mels !== configuration.mels) throw new RangeError(`mels: expected ${configuration.mels}, got ${mels}`);
    const next = new Map<string, tf.Tensor>();
    const carry = new Carry(state, statistics ? undefined : next);
    let x = this.#normalise('input', frames.reshape([batch, count, 1, mels]), statistics).reshape([
      batch,
      count,
      mels,
      1,
    ]);
    configuration.trunk.forEach((layer, index) => {
      const name = `trunk.${index}`;
      x = this.#convolve(name, x as tf.Tensor4D, layer, carry);
      x = rectify(this.#normalise(name, x as tf.Tensor4D, statistics));
    });
    const count2 = count / perStep;
    const flat = (x.shape[2] as number) * (x.shape[3] as number);
    const { width, memory } = configuration;
    let steps = this.#denseNormalised('embedding', x.reshape([batch * count2, flat]), statistics).reshape([
      batch,
      count2,
      width,
    ]);
    if (dropout) steps = dropout.apply(steps);
    if (memory.kind === 'lstm') {
      steps = steps.add(this.#lstm(steps as tf.Tensor3D, carry));
    } else {
      memory.dilations.forEach((dilation, index) => {
        const name = `delay.${index}`;
        const context = (memory.kernel - 1) * dilation;
        const past = carry.before(name, steps as tf.Tensor3D, context);
        const taps = Array.from({ length: memory.kernel }, (_, tap) =>
          tf.slice(past, [0, tap * dilation, 0], [batch, count2, width]),
        );
        const seen = tf.concat(taps, 2).reshape([batch * count2, memory.kernel * width]) as tf.Tensor2D;
        steps = steps.add(this.#denseNormalised(name, seen, statistics).reshape([batch, count2, width]));
      });
    }
    const speech = this.#dense('speech', steps.reshape([batch * count2, width])).reshape([batch, count2]);
    return { steps: steps as tf.Tensor3D, speech: speech as tf.Tensor2D, state: next };
  }

  /**
   * The steps of a window [batch, steps, width] to the outputs for the window. `mask` [batch, steps]: 0 where a step is
   * not part of it. `dropout`: only in training.
   */
  heads(steps: tf.Tensor3D, mask?: tf.Tensor2D, dropout?: Dropout): HeadOutput {
    const { pooling, width } = this.configuration;
    const [batch, count] = steps.shape;
    const scores = tf.matMul(steps.reshape([batch * count, width]), this.variable('attention.kernel'));
    const logits = scores.reshape([batch, count, pooling.heads]).transpose([0, 2, 1]);
    const outside = mask ? mask.sub(1).mul(1e9).reshape([batch, 1, count]) : undefined;
    const attention = tf.softmax(outside ? logits.add(outside) : logits) as tf.Tensor3D;
    const mean = tf.matMul(attention, steps) as tf.Tensor3D;
    let pooled: tf.Tensor = mean;
    if (pooling.deviation) {
      const variance = tf.relu(tf.matMul(attention, steps.square()).sub(mean.square()));
      pooled = tf.concat([mean, variance.add(deviationEpsilon).sqrt()], 2);
    }
    const inputs = pooling.heads * width * (pooling.deviation ? 2 : 1);
    const flat = pooled.reshape([batch, inputs]) as tf.Tensor2D;
    const units = rectify(this.#dense('hidden', dropout ? dropout.apply(flat) : flat));
    const { low, high } = logVarianceRange;
    return {
      mos: this.#dense('mos', units).reshape([batch]),
      logVariance: tf
        .sigmoid(this.#dense('variance', units))
        .mul(high - low)
        .add(low)
        .reshape([batch]),
      causes: this.#dense('causes', units),
    };
  }

  #dense(name: string, x: tf.Tensor): tf.Tensor2D {
    return tf
      .matMul(x as tf.Tensor2D, this.variable(`${name}.kernel`) as tf.Tensor2D)
      .add(this.variable(`${name}.bias`));
  }

  /** x [rows, inputs]: dense without bias, normalised, rectified. */
  #denseNormalised(name: string, x: tf.Tensor, statistics?: BatchStatistics): tf.Tensor {
    const y = tf.matMul(x as tf.Tensor2D, this.variable(`${name}.kernel`) as tf.Tensor2D);
    const [rows, columns] = y.shape as [number, number];
    return rectify(this.#normalise(name, y.reshape([rows, 1, 1, columns]), statistics)).reshape([rows, columns]);
  }

  #normalise(name: string, x: tf.Tensor4D, statistics?: BatchStatistics): tf.Tensor4D {
    const [gain, shift] = [this.variable(`${name}.gain`), this.variable(`${name}.shift`)];
    if (statistics) {
      const listener: StatisticsListener = (mean, variance) => statistics.set(name, { mean, variance });
      return batchNormalise(x, gain, shift, listener);
    }
    const [mean, variance] = [this.variable(`${name}.mean`), this.variable(`${name}.variance`)];
    const scale = tf.rsqrt(variance.add(normalisationEpsilon)).mul(gain);
    return x.mul(scale).add(shift.sub(mean.mul(scale)));
  }

  /** A layer's convolution: the frames before in front, zeros at the start of a sequence, half a kernel of zeros on both sides. */
  #convolve(name: string, x: tf.Tensor4D, { kernel, stride, separable }: Convolution, carry: Carry): tf.Tensor4D {
    const context = kernel[0] - stride[0];
    const aside = Math.floor(kernel[1] / 2);
    // Of a whole sequence, of which no state is wanted, nothing is copied in front.
    const [joined, above] = carry.isIdle ? [x, context] : [carry.before(name, x, context), 0];
    if (!separable) {
      const none: [number, number] = [0, 0];
      const padded = joined.pad([none, [above, 0], [aside, aside], none]) as tf.Tensor4D;
      return convolve(padded, this.variable(`${name}.kernel`) as tf.Tensor4D, stride);
    }
    const depthwise = this.variable(`${name}.depthwise`) as tf.Tensor4D;
    const pointwise = this.variable(`${name}.pointwise`) as tf.Tensor4D;
    // TensorFlow's depthwise kernel takes equal strides only: with others the 1 x 1 convolution makes the stride.
    const equal = stride[0] === stride[1];
    const filtered = filterChannels(joined, depthwise, equal ? stride[0] : 1, { above, aside });
    return mixChannels(filtered, pointwise, equal ? [1, 1] : stride);
  }

  #lstm(steps: tf.Tensor3D, carry: Carry): tf.Tensor {
    const { width } = this.configuration;
    const [batch, count] = steps.shape;
    const state = {
      cell: carry.value('lstm.cell', [batch, width]) as tf.Tensor2D,
      output: carry.value('lstm.output', [batch, width]) as tf.Tensor2D,
    };
    const kernel = this.variable('lstm.kernel') as tf.Tensor2D;
    const [outputs, cells] = lstm(steps.transpose([1, 0, 2]), state, kernel, this.variable('lstm.bias') as tf.Tensor1D);
    const last = (x: tf.Tensor3D) => x.slice([count - 1, 0, 0], [1, batch, width]).reshape([batch, width]);
    carry.keep('lstm.cell', () => last(cells));
    carry.keep('lstm.output', () => last(outputs));
    return outputs.transpose([1, 0, 2]);
  }
}

/** Reads the state before a piece and writes the state after it, where it is wanted. */
class Carry {
  readonly #before: TrunkState | undefined;
  readonly #after: Map<string, tf.Tensor> | undefined;

  constructor(before: TrunkState | undefined, after: Map<string, tf.Tensor> | undefined) {
    this.#before = before;
    this.#after = after;
  }

  /** No left context, and no state afterwards. */
  get isIdle(): boolean {
    return this.#before === undefined && this.#after === undefined;
  }

  value(name: string, shape: number[]): tf.Tensor {
    return this.#before?.get(name) ?? tf.zeros(shape);
  }

  keep(name: string, value: () => tf.Tensor): void {
    this.#after?.set(name, value());
  }

  /** x [batch, time, ...] with the last `count` entries of the piece before in front. */
  before<T extends tf.Tensor>(name: string, x: T, count: number): T {
    if (count === 0) return x;
    const [batch, , ...rest] = x.shape as [number, number, ...number[]];
    const joined = tf.concat([this.value(name, [batch, count, ...rest]), x], 1);
    this.keep(name, () => {
      const length = joined.shape[1] as number;
      const origin = joined.shape.map((_, axis) => (axis === 1 ? length - count : 0));
      return joined.slice(origin, [batch, count, ...rest]);
    });
    return joined as T;
  }
}
