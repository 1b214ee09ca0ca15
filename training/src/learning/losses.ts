import type { Dropout } from '../student/dropout.ts';
import { crossEntropy, gaussianLikelihood, squaredError } from '../student/losses.ts';
import type { BatchStatistics, Network } from '../student/network.ts';
import { tf } from '../tensorflow.ts';
import type { TrainingConfiguration } from './configuration.ts';
import { ramp } from './schedule.ts';
import type { Batch } from './windows.ts';

/** Values of the losses of one batch, each without its weight, and their weighted sum. */
export interface LossValues {
  total: number;
  squaredError: number;
  likelihood: number;
  speech: number;
  causes: number;
}

export interface StepResult {
  losses: LossValues;
  gradients: Map<string, Float32Array>;
  /** Mean and variance by the name of the layer. */
  statistics: Map<string, { mean: Float32Array; variance: Float32Array }>;
}

/** Whether a weight changes in a training. */
export function isTrained(name: string, only: TrainingConfiguration['only']): boolean {
  return only === undefined || name.startsWith(`${only}.`);
}

export interface LossOptions {
  weights: TrainingConfiguration['losses'];
  /** Share of the training that is done, 0 to 1. */
  progress: number;
  /** Default: none. */
  dropout?: Dropout;
  /** The one output that is trained: the network then hears as it does in use. Default: all is trained. */
  only?: TrainingConfiguration['only'];
}

/** Losses and gradients of one batch; the network is not changed, no tensor is left. */
export function lossGradients(
  network: Network,
  batch: Batch,
  { weights, progress, dropout, only }: LossOptions,
): StepResult {
  const { size, frames } = batch;
  const trainable = new Map([...network.trainable()].filter(([name]) => isTrained(name, only)));
  const names = new Map([...trainable].map(([name, { name: inner }]) => [inner, name]));
  const listened: BatchStatistics = new Map();
  const likelihoodWeight = weights.likelihood * ramp(progress, weights.meanFirst, 2 * weights.meanFirst);
  let parts: tf.Scalar[] = [];
  let losses: LossValues | undefined;
  const gradients = new Map<string, Float32Array>();
  tf.tidy(() => {
    const rows = (values: Float32Array) => tf.tensor(values, [size, values.length / size]) as tf.Tensor2D;
    const input = tf.tensor(batch.logMel, [size, frames, batch.logMel.length / (size * frames)]) as tf.Tensor3D;
    const window = rows(batch.window);
    const loss = () => {
      const { steps: embedded, speech } = network.trunk(input, only ? {} : { statistics: listened, dropout });
      const { mos, logVariance, causes } = network.heads(embedded, window, only ? undefined : dropout);
      const [target, known] = [tf.tensor1d(batch.mos), tf.tensor1d(batch.mosKnown)];
      const values = [
        squaredError(mos, target, known),
        gaussianLikelihood(mos, logVariance, target, known),
        crossEntropy(speech, rows(batch.speech), rows(batch.speechKnown)),
        crossEntropy(causes, rows(batch.causes), rows(batch.causesKnown)),
      ];
      parts = values.map((value) => tf.keep(value.clone()));
      const weighted = [weights.squaredError, likelihoodWeight, weights.speech, weights.causes].map((weight, index) =>
        (values[index] as tf.Scalar).mul(weight),
      );
      return tf.addN(weighted).asScalar();
    };
    const { value, grads } = tf.variableGrads(loss, [...trainable.values()]);
    for (const [inner, gradient] of Object.entries(grads)) {
      gradients.set(names.get(inner) as string, gradient.dataSync() as Float32Array);
    }
    const [squared, likelihood, speech, causes] = parts.map((part) => part.dataSync()[0] as number);
    const total = value.dataSync()[0] as number;
    losses = { total, squaredError: squared, likelihood, speech, causes } as LossValues;
  });
  const statistics = new Map(
    [...listened].map(([name, { mean, variance }]) => [
      name,
      { mean: mean.dataSync() as Float32Array, variance: variance.dataSync() as Float32Array },
    ]),
  );
  tf.dispose([...listened.values()].flatMap(({ mean, variance }) => [mean, variance]));
  tf.dispose(parts);
  return { losses: losses as unknown as LossValues, gradients, statistics };
}
