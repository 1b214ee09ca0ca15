import type { CurveRow } from '../learning/curves.ts';
import type { ClipPlace } from '../learning/order.ts';
import type { Random } from '../run/random.ts';
import type { Family, Kept, Weights } from '../structure/structure.ts';
import type { PerUnit } from './importance.ts';

/** A network in training between two rounds: weights, optimiser, and the count of steps. */
export interface Tuner {
  readonly step: number;
  /** Learning rate of the next step. */
  readonly learningRate: number;
  /** One step; all that is drawn is drawn from `random`. Returns the losses. */
  train(places: readonly ClipPlace[], random: Random): CurveRow & { total: number };
  /** The sensitivities of the loss of a batch to each unit; nothing is changed. */
  sensitivities(places: readonly ClipPlace[], random: Random): PerUnit;
  /** Figures on the validation clips. */
  validate(): CurveRow;
  weights(): Weights;
  /** Writes all that is needed to go on. */
  save(path: string, metadata: Readonly<Record<string, string>>): void;
  /** Writes the network alone, as the other verbs read it. */
  saveResult(path: string): void;
  dispose(): void;
}

/** A network to prune, with its data. */
export interface Subject<Shape> {
  readonly family: Family<Shape>;
  /** The network as it came. */
  readonly shape: Shape;
  readonly weights: Weights;
  /** Clips of each shard of the training data. */
  readonly shardSizes: readonly number[];
  /** File of the result in the run folder. */
  readonly resultFile: string;
  /** Refits the network after a cut to the outputs of the larger one. Default: no refit. */
  refit?(larger: { shape: Shape; weights: Weights }, smaller: { shape: Shape; weights: Weights }, kept: Kept): Weights;
  /** Begins to train for a number of steps. */
  begin(shape: Shape, weights: Weights, totalSteps: number): Tuner;
  /** Continues from the files of `save`. */
  resume(shape: Shape, totalSteps: number, path: string): Tuner;
}
