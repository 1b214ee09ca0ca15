import { type NamedArrays, readArrays, writeArrays } from '../run/arrays.ts';
import { TrainingError } from '../run/errors.ts';
import type { Random } from '../run/random.ts';
import { Dropout } from '../student/dropout.ts';
import { Network } from '../student/network.ts';
import { initialWeights, type WeightArrays, type WeightSpec, weightSpecs } from '../student/weights.ts';
import { AdamW, type Slot } from './adamw.ts';
import type { StudentConfiguration, TrainingConfiguration } from './configuration.ts';
import { isTrained, type LossValues, lossGradients } from './losses.ts';
import { oneCycle } from './schedule.ts';
import type { Batch } from './windows.ts';

/** A network in training: weights, optimiser, moving statistics, and the count of steps. */
export class Trainer {
  readonly network: Network;
  readonly #configuration: StudentConfiguration;
  readonly #optimiser: AdamW;
  /** What no gradient changes: moving statistics, and what is not trained. */
  readonly #others: Map<string, Float32Array>;
  readonly #totalSteps: number;

  private constructor(configuration: StudentConfiguration, totalSteps: number, arrays: NamedArrays, step: number) {
    const { network, training } = configuration;
    const specs = weightSpecs(network);
    const values = (name: string) => {
      const array = arrays.get(name);
      if (!array) throw new TrainingError('invalid-input', `checkpoint: ${name} is missing`);
      return array.values;
    };
    const slots = specs
      .filter((spec) => isSlot(spec, training))
      .map(({ name, decays }): [string, Slot] => [
        name,
        { weights: values(name), mean: values(`${name}/mean`), square: values(`${name}/square`), decays },
      ]);
    const { weightDecay, clipNorm } = training;
    this.#configuration = configuration;
    this.#totalSteps = totalSteps;
    this.#optimiser = new AdamW(new Map(slots), { weightDecay, clipNorm }, step);
    this.#others = new Map(specs.filter((spec) => !isSlot(spec, training)).map(({ name }) => [name, values(name)]));
    this.network = new Network(network, this.weights());
  }

  /** Begins anew; `initial`: weights to begin with. Default: random ones. */
  static create(
    configuration: StudentConfiguration,
    totalSteps: number,
    seed: number,
    initial: WeightArrays = initialWeights(configuration.network, seed),
  ): Trainer {
    const arrays = new Map<string, { shape: readonly number[]; values: Float32Array }>();
    for (const spec of weightSpecs(configuration.network)) {
      const { name, shape } = spec;
      const values = initial.get(name)?.slice();
      if (!values) throw new RangeError(`weights: ${name} is missing`);
      arrays.set(name, { shape, values });
      if (!isSlot(spec, configuration.training)) continue;
      arrays.set(`${name}/mean`, { shape, values: new Float32Array(values.length) });
      arrays.set(`${name}/square`, { shape, values: new Float32Array(values.length) });
    }
    return new Trainer(configuration, totalSteps, arrays, 0);
  }

  /** Continues from what `save` wrote; `metadata` is what was given to it. */
  static resume(
    configuration: StudentConfiguration,
    totalSteps: number,
    path: string,
  ): { trainer: Trainer; metadata: Record<string, string> } {
    const { arrays, metadata } = readArrays(path);
    return { trainer: new Trainer(configuration, totalSteps, arrays, Number(metadata.step)), metadata };
  }

  /** Steps made. */
  get step(): number {
    return this.#optimiser.step;
  }

  /** Learning rate of the next step. */
  get learningRate(): number {
    const { learningRate, warmup } = this.#configuration.training;
    return oneCycle(this.step, this.#totalSteps, learningRate, warmup);
  }

  /**
   * One step.
   *
   * @param random what is left out is drawn from
   * @throws {TrainingError} diverged when the gradients are not finite
   */
  train(batch: Batch, random: Random): LossValues & { gradientNorm: number } {
    const { losses: weights, statisticsMomentum, dropout: share, only } = this.#configuration.training;
    const progress = this.step / this.#totalSteps;
    const dropout = new Dropout(share, random);
    const options = { weights, progress, dropout, only };
    const { losses, gradients, statistics } = lossGradients(this.network, batch, options);
    if (!Number.isFinite(losses.total)) {
      throw new TrainingError('diverged', `step ${this.step}: the loss is ${losses.total}; lower the learning rate`);
    }
    const gradientNorm = this.#optimiser.update(gradients, this.learningRate);
    for (const [name, { mean, variance }] of statistics) {
      follow(this.#others.get(`${name}.mean`) as Float32Array, mean, statisticsMomentum);
      follow(this.#others.get(`${name}.variance`) as Float32Array, variance, statisticsMomentum);
    }
    for (const [name, values] of this.weights()) this.network.set(name, values);
    return { ...losses, gradientNorm };
  }

  /** The weights and statistics themselves, not copies. */
  weights(): Map<string, Float32Array> {
    const trained = [...this.#optimiser.slots].map(([name, { weights }]): [string, Float32Array] => [name, weights]);
    return new Map([...trained, ...this.#others]);
  }

  /** Writes all that `resume` needs. */
  save(path: string, metadata: Readonly<Record<string, string>>): void {
    const arrays = new Map(namedWeights(this.#configuration, this.weights()));
    for (const [name, { mean, square }] of this.#optimiser.slots) {
      const { shape } = arrays.get(name) as { shape: readonly number[] };
      arrays.set(`${name}/mean`, { shape, values: mean });
      arrays.set(`${name}/square`, { shape, values: square });
    }
    writeArrays(path, arrays, { ...metadata, step: String(this.step) });
  }

  /** Writes the weights alone. */
  saveWeights(path: string, metadata: Readonly<Record<string, string>>): void {
    writeArrays(path, namedWeights(this.#configuration, this.weights()), { ...metadata, step: String(this.step) });
  }

  dispose(): void {
    this.network.dispose();
  }
}

function isSlot({ name, trainable }: WeightSpec, { only }: TrainingConfiguration): boolean {
  return trainable && isTrained(name, only);
}

function namedWeights({ network }: StudentConfiguration, weights: ReadonlyMap<string, Float32Array>): NamedArrays {
  return new Map(
    weightSpecs(network).map(({ name, shape }) => [name, { shape, values: weights.get(name) as Float32Array }]),
  );
}

function follow(moving: Float32Array, batch: Float32Array, momentum: number): void {
  for (let n = 0; n < moving.length; n++) {
    moving[n] = (1 - momentum) * (moving[n] as number) + momentum * (batch[n] as number);
  }
}
