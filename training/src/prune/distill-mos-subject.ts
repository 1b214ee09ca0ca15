import { AdamW, type Slot } from '../distill/adamw.ts';
import type { CurveRow } from '../distill/curves.ts';
import type { Shards } from '../distill/data-set.ts';
import type { ClipPlace } from '../distill/order.ts';
import { oneCycle } from '../distill/schedule.ts';
import { DistillMosNetwork } from '../distill-mos/network.ts';
import { type DistillMosShape, distillMosSamples, distillMosSpecs } from '../distill-mos/shape.ts';
import { distillMosFile, writeDistillMos } from '../distill-mos/stored.ts';
import { pcc, rmse, srcc } from '../evaluate/statistics.ts';
import { type NamedArrays, readArrays, writeArrays } from '../run/arrays.ts';
import { TrainingError } from '../run/errors.ts';
import type { Random } from '../run/random.ts';
import { tf } from '../tensorflow.ts';
import type { PruningConfiguration } from './configuration.ts';
import { distillMosFamily } from './distill-mos-family.ts';
import { sensitivities } from './importance.ts';
import type { Weights } from './structure.ts';
import type { Subject, Tuner } from './subject.ts';
import { type RatedWaveform, windowOf } from './waveforms.ts';

/** Clips that are computed together: of the published network, each takes 1.1 GB while gradients are computed. */
const atOnce = 2;

export interface DistillMosSubjectOptions {
  shape: DistillMosShape;
  weights: Weights;
  pruning: PruningConfiguration;
  train: Shards<RatedWaveform>;
  validation: Shards<RatedWaveform>;
}

/** Distill-MOS to be pruned; it learns the labels by squared error. */
export function distillMosSubject(options: DistillMosSubjectOptions): Subject<DistillMosShape> {
  const { shape, weights, train } = options;
  return {
    ...{ family: distillMosFamily, shape, weights, shardSizes: train.shardSizes },
    resultFile: distillMosFile,
    begin: (smaller, arrays, totalSteps) => {
      const zeros = (values: Float32Array) => new Float32Array(values.length);
      const slots = (name: string) => {
        const values = (arrays.get(name) as Float32Array).slice();
        return { weights: values, mean: zeros(values), square: zeros(values) };
      };
      return new DistillMosTuner(options, smaller, slots, totalSteps, 0);
    },
    resume: (smaller, totalSteps, path) => {
      const { arrays, metadata } = readArrays(path);
      const values = (name: string) => {
        const array = arrays.get(name);
        if (!array) throw new TrainingError('invalid-input', `${path}: ${name} is missing`);
        return array.values;
      };
      const slots = (name: string, trainable: boolean) => {
        const [mean, square] = ['mean', 'square'].map((part) => (trainable ? values(`${name}/${part}`) : none));
        return { weights: values(name), mean: mean as Float32Array, square: square as Float32Array };
      };
      return new DistillMosTuner(options, smaller, slots, totalSteps, Number(metadata.step));
    },
  };
}

const none = new Float32Array(0);

type Values = Omit<Slot, 'decays'>;

class DistillMosTuner implements Tuner {
  readonly #options: DistillMosSubjectOptions;
  readonly #shape: DistillMosShape;
  readonly #network: DistillMosNetwork;
  readonly #optimiser: AdamW;
  readonly #constants: Map<string, Float32Array>;
  readonly #totalSteps: number;

  constructor(
    options: DistillMosSubjectOptions,
    shape: DistillMosShape,
    valuesOf: (name: string, trainable: boolean) => Values,
    totalSteps: number,
    step: number,
  ) {
    const specs = distillMosSpecs(shape);
    const slots = specs
      .filter(({ trainable }) => trainable)
      .map(({ name, decays }): [string, Slot] => [name, { ...valuesOf(name, true), decays }]);
    const constants = specs.filter(({ trainable }) => !trainable);
    const { weightDecay, clipNorm } = options.pruning.training;
    this.#options = options;
    this.#shape = shape;
    this.#totalSteps = totalSteps;
    this.#optimiser = new AdamW(new Map(slots), { weightDecay, clipNorm }, step);
    this.#constants = new Map(constants.map(({ name }) => [name, valuesOf(name, false).weights]));
    this.#network = new DistillMosNetwork(shape, this.weights());
  }

  get step(): number {
    return this.#optimiser.step;
  }

  get learningRate(): number {
    const { learningRate, warmup } = this.#options.pruning.training;
    return oneCycle(this.step, this.#totalSteps, learningRate, warmup);
  }

  train(places: readonly ClipPlace[], random: Random) {
    const { loss, gradients } = this.#gradients(places, random);
    if (!Number.isFinite(loss)) {
      throw new TrainingError('diverged', `step ${this.step}: the loss is ${loss}; lower the learning rate`);
    }
    const gradientNorm = this.#optimiser.update(gradients, this.learningRate);
    for (const [name, { weights }] of this.#optimiser.slots) this.#network.set(name, weights);
    return { total: loss, gradientNorm };
  }

  sensitivities(places: readonly ClipPlace[], random: Random) {
    const { gradients, gates } = this.#gradients(places, random);
    const [groups, layouts] = [distillMosFamily.groups(this.#shape), distillMosFamily.layouts(this.#shape)];
    return sensitivities(groups, layouts, this.weights(), gradients).set('layers', gates);
  }

  validate(): CurveRow {
    const { validation } = this.#options;
    const [said, labels]: [number[], number[]] = [[], []];
    for (const batch of batchesOf([...validation.places()])) {
      const clips = batch.map((place) => validation.stored(place));
      const values = tf.tidy(() => this.#network.mos(this.#spectrum(clips)).dataSync() as Float32Array);
      said.push(...values);
      labels.push(...clips.map(({ mos }) => mos));
    }
    return { pcc: pcc(said, labels), srcc: srcc(said, labels), rmse: rmse(said, labels) };
  }

  weights(): Map<string, Float32Array> {
    const trained = [...this.#optimiser.slots].map(([name, { weights }]): [string, Float32Array] => [name, weights]);
    return new Map([...trained, ...this.#constants]);
  }

  save(path: string, metadata: Readonly<Record<string, string>>): void {
    const weights = this.weights();
    const arrays: Map<string, { shape: readonly number[]; values: Float32Array }> = new Map();
    for (const { name, shape } of distillMosSpecs(this.#shape)) {
      arrays.set(name, { shape, values: weights.get(name) as Float32Array });
      const slot = this.#optimiser.slots.get(name);
      if (!slot) continue;
      arrays.set(`${name}/mean`, { shape, values: slot.mean });
      arrays.set(`${name}/square`, { shape, values: slot.square });
    }
    writeArrays(path, arrays satisfies NamedArrays, { ...metadata, step: String(this.step) });
  }

  saveResult(path: string): void {
    const { name, description } = this.#options.pruning;
    writeDistillMos(path, { name, description, shape: this.#shape }, this.weights());
  }

  dispose(): void {
    this.#network.dispose();
  }

  /** Mean squared error of a batch, its gradients, and those of the gates of the layers. */
  #gradients(places: readonly ClipPlace[], random: Random) {
    const trainable = this.#network.trainable();
    const names = new Map([...trainable].map(([name, { name: inner }]) => [inner, name]));
    const gradients = new Map<string, Float32Array>();
    const gates = new Float64Array(this.#shape.layers.length);
    let loss = 0;
    for (const batch of batchesOf(places)) {
      const clips = batch.map((place) => this.#options.train.stored(place));
      const share = clips.length / places.length;
      tf.tidy(() => {
        const spectrum = this.#spectrum(clips, random);
        const target = tf.tensor1d(clips.map(({ mos }) => mos));
        const open = tf.variable(tf.ones([gates.length]), true) as tf.Variable;
        const error = () =>
          this.#network
            .mos(spectrum, open as tf.Tensor as tf.Tensor1D)
            .sub(target)
            .square()
            .mean()
            .asScalar();
        const { value, grads } = tf.variableGrads(error, [...trainable.values(), open]);
        loss += share * (value.dataSync()[0] as number);
        for (const [inner, gradient] of Object.entries(grads)) {
          const values = gradient.dataSync();
          const name = names.get(inner);
          const sums = name === undefined ? gates : (gradients.get(name) ?? new Float32Array(values.length));
          for (let n = 0; n < values.length; n++) sums[n] = (sums[n] as number) + share * (values[n] as number);
          if (name !== undefined) gradients.set(name, sums as Float32Array);
        }
        open.dispose();
      });
    }
    return { loss, gradients, gates };
  }

  #spectrum(clips: readonly RatedWaveform[], random?: Random): tf.Tensor4D {
    const waveforms = new Float32Array(clips.length * distillMosSamples);
    clips.forEach((clip, row) => {
      waveforms.set(windowOf(clip, random), row * distillMosSamples);
    });
    return this.#network.spectrum(tf.tensor2d(waveforms, [clips.length, distillMosSamples]));
  }
}

function batchesOf<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / atOnce) }, (_, n) => items.slice(n * atOnce, (n + 1) * atOnce));
}
