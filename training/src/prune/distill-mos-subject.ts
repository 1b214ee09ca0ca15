import { causeOrder } from '../degrade/truth.ts';
import { DistillMosNetwork, type DistillMosOutput } from '../distill-mos/network.ts';
import { type ArraySpec, type DistillMosShape, distillMosSpecs, steps } from '../distill-mos/shape.ts';
import { distillMosFile, writeDistillMos } from '../distill-mos/stored.ts';
import { AdamW, type Slot } from '../learning/adamw.ts';
import type { CurveRow } from '../learning/curves.ts';
import type { Shards } from '../learning/data-set.ts';
import type { ClipPlace } from '../learning/order.ts';
import type { PruningConfiguration } from '../learning/pruning-configuration.ts';
import { oneCycle } from '../learning/schedule.ts';
import { type RatedWaveform, spectrumOf, type TaughtWaveform, windowOf } from '../learning/waveforms.ts';
import { type NamedArrays, readArrays, writeArrays } from '../run/arrays.ts';
import { TrainingError } from '../run/errors.ts';
import type { Random } from '../run/random.ts';
import { pcc, rmse, srcc } from '../statistics/statistics.ts';
import { distillMosFamily } from '../structure/distill-mos-family.ts';
import type { Weights } from '../structure/structure.ts';
import { crossEntropy, gaussianLikelihood, squaredError } from '../student/losses.ts';
import { tf } from '../tensorflow.ts';
import { FrozenValues, frozenParts } from './frozen.ts';
import { sensitivities } from './importance.ts';
import { refitted } from './refit.ts';
import type { Subject, Tuner } from './subject.ts';

/** Clips that are computed together: of the published network, each takes 1.1 GB while gradients are computed. */
const atOnce = 2;

export interface DistillMosSubjectOptions {
  shape: DistillMosShape;
  weights: Weights;
  pruning: PruningConfiguration;
  train: Shards<TaughtWaveform>;
  validation: Shards<RatedWaveform>;
}

/**
 * Distill-MOS to be pruned. It learns the labels by squared error; a network with auxiliary heads learns those too, as
 * students do.
 */
export function distillMosSubject(options: DistillMosSubjectOptions): Subject<DistillMosShape> {
  const { shape, weights, train } = options;
  const { refit } = options.pruning;
  return {
    ...{ family: distillMosFamily, shape, weights, shardSizes: train.shardSizes },
    resultFile: distillMosFile,
    ...(refit
      ? { refit: (larger, smaller, kept) => refitted(larger, smaller, kept, waveformsToRefit(options, refit.clips)) }
      : {}),
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

/** The first clips with speech. */
function waveformsToRefit({ train }: DistillMosSubjectOptions, clips: number): Float32Array[] {
  const taken: Float32Array[] = [];
  for (const place of train.places()) {
    if (taken.length === clips) break;
    const clip = train.stored(place);
    if (clip.mos !== null) taken.push(windowOf(clip));
  }
  return taken;
}

type Values = Omit<Slot, 'decays'>;

class DistillMosTuner implements Tuner {
  readonly #options: DistillMosSubjectOptions;
  readonly #shape: DistillMosShape;
  readonly #network: DistillMosNetwork;
  readonly #optimiser: AdamW;
  readonly #constants: Map<string, Float32Array>;
  readonly #totalSteps: number;
  readonly #frozen: { train: FrozenValues; validation: FrozenValues } | undefined;

  constructor(
    options: DistillMosSubjectOptions,
    shape: DistillMosShape,
    valuesOf: (name: string, trainable: boolean) => Values,
    totalSteps: number,
    step: number,
  ) {
    const specs = distillMosSpecs(shape);
    const { frozen } = options.pruning.training;
    const isTrained = ({ name, trainable }: ArraySpec) => trainable && !(frozen && frozenParts[frozen].holds(name));
    const slots = specs
      .filter(isTrained)
      .map(({ name, decays }): [string, Slot] => [name, { ...valuesOf(name, true), decays }]);
    const constants = specs.filter((spec) => !isTrained(spec));
    const { weightDecay, clipNorm } = options.pruning.training;
    this.#options = options;
    this.#shape = shape;
    this.#totalSteps = totalSteps;
    this.#optimiser = new AdamW(new Map(slots), { weightDecay, clipNorm }, step);
    this.#constants = new Map(constants.map(({ name }) => [name, valuesOf(name, false).weights]));
    this.#network = new DistillMosNetwork(shape, this.weights());
    this.#frozen = frozen && {
      train: new FrozenValues(this.#network, frozen, options.train),
      validation: new FrozenValues(this.#network, frozen, options.validation),
    };
  }

  get step(): number {
    return this.#optimiser.step;
  }

  get learningRate(): number {
    const { learningRate, warmup } = this.#options.pruning.training;
    return oneCycle(this.step, this.#totalSteps, learningRate, warmup);
  }

  train(places: readonly ClipPlace[], random: Random) {
    const trained = new Map([...this.#network.trainable()].filter(([name]) => this.#optimiser.slots.has(name)));
    const { loss, gradients } = this.#gradients(places, random, trained, (output, clips) => this.#loss(output, clips));
    if (!Number.isFinite(loss)) {
      throw new TrainingError('diverged', `step ${this.step}: the loss is ${loss}; lower the learning rate`);
    }
    const gradientNorm = this.#optimiser.update(gradients, this.learningRate);
    for (const [name, { weights }] of this.#optimiser.slots) this.#network.set(name, weights);
    return { total: loss, gradientNorm };
  }

  /** Of the squared error alone. */
  sensitivities(places: readonly ClipPlace[], random: Random) {
    const all = this.#network.trainable();
    const { gradients, gates } = this.#gradients(places, random, all, ({ mos }, clips) => squaredErrorOf(mos, clips));
    const [groups, layouts] = [distillMosFamily.groups(this.#shape), distillMosFamily.layouts(this.#shape)];
    return sensitivities(groups, layouts, this.weights(), gradients).set('layers', gates);
  }

  validate(): CurveRow {
    const { validation } = this.#options;
    const [said, labels]: [number[], number[]] = [[], []];
    for (const batch of batchesOf([...validation.places()], atOnce)) {
      const clips = batch.map((place) => validation.stored(place));
      const network = this.#network;
      const frozen = this.#frozen?.validation;
      const output = () =>
        frozen ? frozen.said(frozen.of(batch)) : network.said(network.features(spectrumOf(network, clips)));
      said.push(...tf.tidy(() => output().mos.dataSync() as Float32Array));
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

  /** The loss of a batch, its gradients by the variables, and those by the gates of the layers. */
  #gradients(
    places: readonly ClipPlace[],
    random: Random,
    variables: ReadonlyMap<string, tf.Variable>,
    lossOf: (output: DistillMosOutput, clips: readonly TaughtWaveform[]) => tf.Scalar,
  ) {
    const names = new Map([...variables].map(([name, { name: inner }]) => [inner, name]));
    const gradients = new Map([...variables].map(([name, { size }]) => [name, new Float32Array(size)]));
    const gates = new Float64Array(this.#shape.layers.length);
    const frozen = [...variables.keys()].every((name) => this.#optimiser.slots.has(name)) && this.#frozen?.train;
    let loss = 0;
    for (const batch of batchesOf(places, frozen ? places.length : atOnce)) {
      const clips = batch.map((place) => this.#options.train.stored(place));
      const share = clips.length / places.length;
      tf.tidy(() => {
        const network = this.#network;
        const open = tf.variable(tf.ones([gates.length]), true) as tf.Variable;
        const gate = open as tf.Tensor as tf.Tensor1D;
        const heard = frozen ? frozen.of(batch) : spectrumOf(network, clips, random);
        const output = () =>
          frozen ? frozen.said(heard as tf.Tensor2D, gate) : network.said(network.features(heard as tf.Tensor4D), gate);
        const value = () => lossOf(output(), clips);
        const found = tf.variableGrads(value, [...variables.values(), open]);
        loss += share * (found.value.dataSync()[0] as number);
        for (const [inner, gradient] of Object.entries(found.grads)) {
          const name = names.get(inner);
          const sums = name === undefined ? gates : (gradients.get(name) as Float32Array);
          const values = gradient.dataSync();
          for (let n = 0; n < values.length; n++) sums[n] = (sums[n] as number) + share * (values[n] as number);
        }
        open.dispose();
      });
    }
    return { loss, gradients, gates };
  }

  #loss({ mos, besides }: DistillMosOutput, clips: readonly TaughtWaveform[]): tf.Scalar {
    const squared = squaredErrorOf(mos, clips);
    if (!besides) return squared;
    const { losses } = this.#options.pruning.training;
    const { target, known } = labelsOf(clips);
    const speech = maskedRows(clips, steps, ({ speech }) => speech && spokenSteps(speech));
    const causes = maskedRows(clips, causeOrder.length, (clip) => clip.causes);
    return tf
      .addN([
        squared,
        gaussianLikelihood(mos, besides.logVariance, target, known).mul(losses.likelihood),
        crossEntropy(besides.speech, speech.target, speech.known).mul(losses.speech),
        crossEntropy(besides.causes, causes.target, causes.known).mul(losses.causes),
      ])
      .asScalar();
  }
}

function labelsOf(clips: readonly TaughtWaveform[]): { target: tf.Tensor1D; known: tf.Tensor1D } {
  return {
    target: tf.tensor1d(clips.map(({ mos }) => mos ?? 0)),
    known: tf.tensor1d(clips.map(({ mos }) => (mos === null ? 0 : 1))),
  };
}

function squaredErrorOf(mos: tf.Tensor1D, clips: readonly TaughtWaveform[]): tf.Scalar {
  const { target, known } = labelsOf(clips);
  return squaredError(mos, target, known);
}

/** A row of `size` per clip, and 1 where it is known: `values` gives what is, from the row's beginning on. */
function maskedRows(
  clips: readonly TaughtWaveform[],
  size: number,
  values: (clip: TaughtWaveform) => ArrayLike<number> | null,
): { target: tf.Tensor2D; known: tf.Tensor2D } {
  const [target, known] = [new Float32Array(clips.length * size), new Float32Array(clips.length * size)];
  clips.forEach((clip, row) => {
    const found = values(clip);
    if (!found) return;
    target.set(Array.from(found), row * size);
    known.fill(1, row * size, row * size + found.length);
  });
  return { target: tf.tensor2d(target, [clips.length, size]), known: tf.tensor2d(known, [clips.length, size]) };
}

/** Speech activity per 10 ms frame to 20 ms steps: a step is speech when at least half of it is. */
function spokenSteps(speech: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: Math.min(steps, Math.floor(speech.length / 2)) }, (_, step) =>
    Math.max(speech[2 * step] as number, speech[2 * step + 1] as number),
  );
}

function batchesOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) => items.slice(n * size, (n + 1) * size));
}
