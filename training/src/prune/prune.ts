import { existsSync } from 'node:fs';
import type { CurveRow } from '../learning/curves.ts';
import { batchesPerEpoch, type ClipPlace, epochBatches } from '../learning/order.ts';
import type { PruningConfiguration } from '../learning/pruning-configuration.ts';
import { readArrays } from '../run/arrays.ts';
import { TrainingError } from '../run/errors.ts';
import { writeCsv } from '../run/files.ts';
import { type Progress, silentProgress } from '../run/progress.ts';
import { Random } from '../run/random.ts';
import { RunFolder } from '../run/run-folder.ts';
import { type Cost, cutOut } from '../structure/structure.ts';
import { ImportanceMeter } from './importance.ts';
import { type Budget, checkReachable, select } from './selection.ts';
import type { Subject, Tuner } from './subject.ts';

export interface PruneOptions<Shape> {
  out: string;
  subject: Subject<Shape>;
  pruning: PruningConfiguration;
  /** Network and data, for the run folder. */
  sources: { initial: string; train: readonly string[]; validation: readonly string[] };
  seed: number;
  progress?: Progress;
}

/** Files of a run of `prune`, besides the network. */
export const pruneFiles = {
  /** All that is needed to go on. */
  checkpoint: 'checkpoint.safetensors',
  /** The network after each round; round 0 is the network before pruning. */
  rounds: 'rounds.csv',
  curves: 'curves.csv',
} as const;

/** Contents of a checkpoint besides arrays. */
interface Position<Shape> {
  shape: Shape;
  /** The last round that took units out; its training and row may not be there yet. */
  cut: number;
  rounds: CurveRow[];
  curves: CurveRow[];
}

/**
 * Reduces a network round by round: measures how important each unit is, takes the least important ones out, and trains
 * what is left. Every random choice derives from the seed and its place, and the checkpoint holds the rest: a run that was
 * killed and started again gives the weights of one that was not (on one thread).
 *
 * @returns a row per round
 */
export function prune<Shape>({
  out,
  subject,
  pruning,
  sources,
  seed,
  progress = silentProgress,
}: PruneOptions<Shape>): CurveRow[] {
  const { family } = subject;
  const { rounds, training } = pruning;
  const batches = new BatchOrder(subject.shardSizes, training.batchSize, training.shardsInMemory, seed);
  const budgets = budgetsOf(family.cost(subject.shape), pruning);
  checkReachable(family, subject.shape, budgets.at(-1) as Budget, pruning.spare);
  const run = RunFolder.open({ path: out, verb: 'prune', seed, configuration: { pruning, ...sources } });
  const checkpoint = run.file(pruneFiles.checkpoint);
  const stepsOf = (round: number) => (round === rounds ? training.finalSteps : training.steps);
  const stepsBefore = (round: number) =>
    Math.min(round - 1, rounds - 1) * training.steps + (round > rounds ? training.finalSteps : 0);

  const rowOf = (round: number, tuner: Tuner, shape: Shape) => {
    const { parameters, macsPerSecond } = family.cost(shape);
    return { round, parameters, macsPerSecond, ...tuner.validate() };
  };
  const save = (tuner: Tuner, position: Position<Shape>) => {
    tuner.save(checkpoint, { position: JSON.stringify(position) });
    writeCsv(run.file(pruneFiles.rounds), position.rounds);
    if (position.curves.length > 0) writeCsv(run.file(pruneFiles.curves), position.curves);
  };
  const open = (): { tuner: Tuner; position: Position<Shape> } => {
    if (existsSync(checkpoint)) {
      const position = JSON.parse(readArrays(checkpoint).metadata.position as string) as Position<Shape>;
      return { tuner: subject.resume(position.shape, stepsOf(position.cut), checkpoint), position };
    }
    const tuner = subject.begin(subject.shape, subject.weights, 0);
    const position = { shape: subject.shape, cut: 0, rounds: [rowOf(0, tuner, subject.shape)], curves: [] };
    return { tuner, position };
  };
  /** Measures, prunes, and begins training. */
  const reduce = (tuner: Tuner, shape: Shape, round: number): { tuner: Tuner; shape: Shape } => {
    const meter = new ImportanceMeter(family.groups(shape));
    for (let n = 0; n < pruning.importanceBatches; n++) {
      meter.add(tuner.sensitivities(batches.at(`importance ${round}`, n), Random.derive(seed, 'importance', round, n)));
    }
    const kept = select(family, shape, meter.importance(), budgets[round - 1] as Budget, pruning);
    const smaller = family.shrunk(shape, kept);
    const whole = tuner.weights();
    tuner.dispose();
    const cut = cutOut(family.layouts(shape), whole, kept);
    const weights = subject.refit?.({ shape, weights: whole }, { shape: smaller, weights: cut }, kept) ?? cut;
    return { tuner: subject.begin(smaller, weights, stepsOf(round)), shape: smaller };
  };

  let { tuner, position } = open();
  const begun = position.cut === position.rounds.length ? tuner.step : 0;
  progress.start(stepsBefore(rounds + 1), stepsBefore(position.rounds.length) + begun);
  for (let round = position.rounds.length; round <= rounds; round++) {
    if (position.cut < round) {
      const reduced = reduce(tuner, position.shape, round);
      tuner = reduced.tuner;
      position = { ...position, shape: reduced.shape, cut: round };
    }
    while (tuner.step < stepsOf(round)) {
      const { step, learningRate } = tuner;
      const values = tuner.train(batches.at(`round ${round}`, step), Random.derive(seed, 'round', round, step));
      const overall = stepsBefore(round) + tuner.step;
      if (tuner.step % training.curveSteps === 0 || tuner.step === stepsOf(round)) {
        position.curves.push({ step: overall, round, learningRate, ...values });
      }
      if (tuner.step % training.checkpointSteps === 0 && tuner.step < stepsOf(round)) save(tuner, position);
      progress.advance(1, `round ${round}, loss ${values.total.toFixed(3)}`);
    }
    position.rounds.push(rowOf(round, tuner, position.shape));
    save(tuner, position);
  }
  progress.stop();
  tuner.saveResult(run.file(subject.resultFile));
  tuner.dispose();
  run.finish();
  return position.rounds;
}

/** Budget of each round: the same share of the one before. */
function budgetsOf(cost: Cost, { target, rounds }: PruningConfiguration): Budget[] {
  const [measure, limit] = Object.entries(target)[0] as [keyof Cost, number];
  const share = Math.min(1, limit / cost[measure]);
  return Array.from({ length: rounds }, (_, n) => ({
    measure,
    limit: n === rounds - 1 ? limit : cost[measure] * share ** ((n + 1) / rounds),
  }));
}

/** The clips of each step, every use in an order of its own. */
class BatchOrder {
  readonly #sizes: readonly number[];
  readonly #batchSize: number;
  readonly #shardsAtOnce: number;
  readonly #seed: number;
  #last: { key: string; batches: ClipPlace[][] } | undefined;

  constructor(sizes: readonly number[], batchSize: number, shardsInMemory: number, seed: number) {
    if (batchesPerEpoch(sizes, batchSize) === 0) {
      const clips = sizes.reduce((sum, size) => sum + size, 0);
      throw new TrainingError('invalid-input', `${clips} clips do not fill a batch of ${batchSize}`);
    }
    this.#sizes = sizes;
    this.#batchSize = batchSize;
    this.#shardsAtOnce = shardsInMemory - 1;
    this.#seed = seed;
  }

  at(use: string, step: number): readonly ClipPlace[] {
    const perEpoch = batchesPerEpoch(this.#sizes, this.#batchSize);
    const epoch = Math.floor(step / perEpoch);
    const key = `${use}, ${epoch}`;
    if (this.#last?.key !== key) {
      const seed = Random.derive(this.#seed, 'prune', use).integer(0, 2 ** 31 - 1);
      const options = { seed, epoch, batchSize: this.#batchSize, shardsAtOnce: this.#shardsAtOnce };
      this.#last = { key, batches: epochBatches(this.#sizes, options) };
    }
    return this.#last.batches[step % perEpoch] as ClipPlace[];
  }
}
