import { AdamW, type Slot } from '../learning/adamw.ts';
import { oneCycle } from '../learning/schedule.ts';
import { type NamedArrays, readArrays, writeArrays } from '../run/arrays.ts';
import { TrainingError } from '../run/errors.ts';
import { tf } from '../tensorflow.ts';
import { type Backbone, oriented } from '../xls-r/backbone.ts';
import { cropFrames, type Head, type HeadStatistics, headSpecs } from '../xls-r/head.ts';
import type { Bias } from './bias.ts';
import type { TeacherConfiguration } from './configuration.ts';
import type { Features } from './features.ts';

/** A rated file in training. */
export interface RatedFeatures {
  features: Features;
  mos: number;
  weight: number;
  bias: Bias;
}

export interface TeacherNetwork {
  head: Head;
  /** The transformer layers that are trained. */
  upper?: Backbone;
  /** Hidden states that the head hears. */
  layers: readonly number[];
}

/** A teacher in training: its network, an optimiser for the head and one for transformer layers, and the count of steps. */
export class TeacherTrainer {
  readonly #network: TeacherNetwork;
  readonly #training: TeacherConfiguration['training'];
  readonly #totalSteps: number;
  readonly #variables: ReadonlyMap<string, tf.Variable>;
  readonly #head: AdamW;
  readonly #upper: AdamW;
  readonly #statistics: ReadonlyMap<string, Float32Array>;

  /** @param checkpoint - what `save` wrote, to go on from there */
  constructor(
    network: TeacherNetwork,
    training: TeacherConfiguration['training'],
    totalSteps: number,
    checkpoint?: NamedArrays,
    step = 0,
  ) {
    this.#network = network;
    this.#training = training;
    this.#totalSteps = totalSteps;
    const [head, upper] = [network.head.trainable(), network.upper?.trainable() ?? new Map<string, tf.Variable>()];
    this.#variables = new Map([...head, ...upper]);
    const slots = (variables: ReadonlyMap<string, tf.Variable>) =>
      new Map([...variables].map(([name, variable]): [string, Slot] => [name, slotOf(name, variable, checkpoint)]));
    const { weightDecay, clipNorm } = training;
    this.#head = new AdamW(slots(head), { weightDecay, clipNorm }, step);
    this.#upper = new AdamW(slots(upper), { weightDecay, clipNorm }, step);
    this.#statistics = new Map(
      [...network.head.statistics()].map(([name, values]) => [name, checkpoint ? arrayOf(checkpoint, name) : values]),
    );
    this.#assign();
  }

  /** Steps made. */
  get step(): number {
    return this.#head.step;
  }

  /** Learning rate of the head in the next step. */
  get learningRate(): number {
    const { learningRate, warmup } = this.#training;
    return oneCycle(this.step, this.#totalSteps, learningRate, warmup);
  }

  /**
   * One step on a batch: weighted mean of the squared differences of ratings and scores, those on the scale of the rating's
   * data set.
   *
   * @throws {TrainingError} diverged when loss or gradients are not finite
   */
  train(batch: readonly RatedFeatures[]): { loss: number; gradientNorm: number } {
    const gradients = new Map<string, Float32Array>();
    const statistics: HeadStatistics = new Map();
    const names = new Map([...this.#variables].map(([name, { name: inner }]) => [inner, name]));
    const loss = tf.tidy(() => {
      const column = (of: (rated: RatedFeatures) => number) => tf.tensor1d(batch.map(of));
      const [mos, weight] = [column((of) => of.mos), column((of) => of.weight)];
      const [offset, slope] = [column((of) => of.bias.offset), column((of) => of.bias.slope)];
      const { value, grads } = tf.variableGrads(() => {
        const scores = this.#scores(batch, statistics);
        const errors = scores.mul(slope).add(offset).sub(mos).square();
        return errors.mul(weight).sum().div(weight.sum()).asScalar();
      }, [...this.#variables.values()]);
      for (const [inner, gradient] of Object.entries(grads)) {
        gradients.set(names.get(inner) as string, gradient.dataSync() as Float32Array);
      }
      return value.dataSync()[0] as number;
    });
    if (!Number.isFinite(loss)) {
      throw new TrainingError('diverged', `step ${this.step}: the loss is ${loss}; lower the learning rate`);
    }
    const rate = this.learningRate;
    const gradientNorm = this.#head.update(gradients, rate);
    this.#upper.update(gradients, rate * this.#training.fineTune.rate);
    this.#follow(statistics);
    this.#assign();
    return { loss, gradientNorm };
  }

  /** Scores with the moving statistics, on the teacher's scale. */
  predict(batch: readonly Features[]): Float32Array {
    return tf.tidy(() =>
      this.#scores(batch.map((features) => ({ features })))
        .dataSync()
        .slice(),
    ) as Float32Array;
  }

  /** Writes all that is needed to go on. */
  save(path: string, metadata: Readonly<Record<string, string>>): void {
    const arrays = new Map(this.#arrays());
    for (const optimiser of [this.#head, this.#upper]) {
      for (const [name, { mean, square }] of optimiser.slots) {
        const { shape } = arrays.get(name) as { shape: readonly number[] };
        arrays.set(`${name}/mean`, { shape, values: mean });
        arrays.set(`${name}/square`, { shape, values: square });
      }
    }
    writeArrays(path, arrays, { ...metadata, step: String(this.step) });
  }

  /** What a teacher's file holds: the head and the trained layers, axes in the order of the published checkpoints. */
  weights(): NamedArrays {
    return new Map(
      [...this.#arrays()].map(([name, { shape, values }]) => {
        const turned = tf.tidy(() => oriented(name, tf.tensor(values, [...shape])));
        const stored = { shape: turned.shape, values: turned.dataSync().slice() as Float32Array };
        turned.dispose();
        return [name, stored];
      }),
    );
  }

  /** Axes in TensorFlow's order. */
  #arrays(): Map<string, { shape: readonly number[]; values: Float32Array }> {
    const arrays = new Map<string, { shape: readonly number[]; values: Float32Array }>();
    for (const { slots } of [this.#head, this.#upper]) {
      for (const [name, { weights }] of slots) {
        arrays.set(name, { shape: (this.#variables.get(name) as tf.Variable).shape, values: weights });
      }
    }
    const { head } = this.#network;
    for (const { name, shape, trainable } of headSpecs(head.configuration)) {
      if (!trainable) arrays.set(name, { shape, values: this.#statistics.get(name) as Float32Array });
    }
    return arrays;
  }

  #scores(batch: readonly Pick<RatedFeatures, 'features'>[], statistics?: HeadStatistics): tf.Tensor1D {
    const { head, upper, layers } = this.#network;
    const { frames, inputs } = head.configuration;
    const cut = Math.max(...(batch[0]?.features.keys() ?? []));
    const above = layers.filter((layer) => layer > cut);
    const computed = batch.map(({ features }) => {
      if (!upper || above.length === 0) return [];
      const below = features.get(cut) as Float32Array;
      const states = upper.statesFrom(tf.tensor3d(below, [1, below.length / inputs, inputs]), cut, above);
      return states.map((state) => cropFrames(state, frames));
    });
    const together = layers.map((layer) => {
      if (layer > cut) return tf.concat(computed.map((states) => states[above.indexOf(layer)] as tf.Tensor3D));
      const joined = new Float32Array(batch.length * frames * inputs);
      for (const [place, { features }] of batch.entries()) {
        joined.set(middle(features.get(layer) as Float32Array, frames, inputs), place * frames * inputs);
      }
      return tf.tensor3d(joined, [batch.length, frames, inputs]);
    });
    return head.score(together, statistics);
  }

  /** Moving means and variances follow those of a batch. */
  #follow(statistics: HeadStatistics): void {
    const momentum = this.#training.statisticsMomentum;
    for (const [name, { mean, variance }] of statistics) {
      for (const [part, tensor] of [
        ['running_mean', mean],
        ['running_var', variance],
      ] as const) {
        const moving = this.#statistics.get(`${name}.${part}`) as Float32Array;
        const batch = tensor.dataSync();
        for (let n = 0; n < moving.length; n++) {
          moving[n] = (1 - momentum) * (moving[n] as number) + momentum * (batch[n] as number);
        }
        tensor.dispose();
      }
    }
  }

  /** Copies the optimisers' weights and the statistics into the network. */
  #assign(): void {
    for (const { slots } of [this.#head, this.#upper]) {
      for (const [name, { weights }] of slots) {
        const variable = this.#variables.get(name) as tf.Variable;
        tf.tidy(() => variable.assign(tf.tensor(weights, variable.shape)));
      }
    }
    for (const [name, values] of this.#statistics) this.#network.head.setStatistics(name, values);
  }
}

/** The frames that `cropFrames` would keep of [frames][width]; fewer where there are no more. */
function middle(state: Float32Array, frames: number, width: number): Float32Array {
  const count = state.length / width;
  const start = Math.max(0, Math.trunc(count / 2 - frames / 2));
  return state.subarray(start * width, (start + frames) * width);
}

export function readCheckpointArrays(path: string) {
  const { arrays, metadata } = readArrays(path);
  return { arrays, step: Number(metadata.step), position: metadata.position as string };
}

function slotOf(name: string, variable: tf.Variable, checkpoint?: NamedArrays): Slot {
  const decays = variable.rank > 1;
  if (!checkpoint) {
    const { size } = variable;
    const weights = variable.dataSync().slice() as Float32Array;
    return { weights, mean: new Float32Array(size), square: new Float32Array(size), decays };
  }
  const [weights, mean, square] = [name, `${name}/mean`, `${name}/square`].map((each) => arrayOf(checkpoint, each)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  return { weights, mean, square, decays };
}

function arrayOf(arrays: NamedArrays, name: string): Float32Array {
  const array = arrays.get(name);
  if (!array) throw new TrainingError('invalid-input', `checkpoint: ${name} is missing`);
  return array.values;
}
