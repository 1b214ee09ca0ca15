import { copyFileSync, existsSync } from 'node:fs';
import type { StudentConfiguration, TrainingConfiguration } from '../learning/configuration.ts';
import { type CurveRow, TensorBoard } from '../learning/curves.ts';
import type { DataSet } from '../learning/data-set.ts';
import { batchesPerEpoch, epochBatches } from '../learning/order.ts';
import { distillFiles } from '../learning/trained.ts';
import { Trainer } from '../learning/trainer.ts';
import { selectionOf, type Validation, validate } from '../learning/validate.ts';
import { inputShapeOf, trainingBatch } from '../learning/windows.ts';
import { readArrays, writeArrays } from '../run/arrays.ts';
import { TrainingError } from '../run/errors.ts';
import { writeCsv } from '../run/files.ts';
import { type Progress, silentProgress } from '../run/progress.ts';
import { Random } from '../run/random.ts';
import { RunFolder } from '../run/run-folder.ts';
import { Network } from '../student/network.ts';
import type { WeightArrays } from '../student/weights.ts';
import { mixedWith } from './shares.ts';

export interface DistillOptions {
  out: string;
  student: StudentConfiguration;
  /** What the data sets are, for the run folder. */
  sources: { train: readonly string[]; validation: readonly string[]; initial?: string };
  /** Weights to begin with, of the student's shape. Default: random ones. */
  initial?: WeightArrays;
  train: DataSet;
  /** Of speakers that the other has not. */
  validation: DataSet;
  seed: number;
  progress?: Progress;
}

export interface DistillSummary {
  steps: number;
  /** Epoch, from 1, whose weights are kept. */
  bestEpoch: number;
  best: Validation;
}

/** What a checkpoint holds beside arrays. */
interface Position {
  curves: CurveRow[];
  validations: (CurveRow & Validation)[];
}

/**
 * Trains a student. Every random choice derives from the seed and its place in the training, and the checkpoint holds the
 * rest, so that a run that was killed at any time and started again gives the weights of one that was not (on one thread;
 * with more, sums are made in an order that changes).
 */
export function distill({
  out,
  student,
  sources,
  train,
  validation,
  initial,
  seed,
  progress = silentProgress,
}: DistillOptions): DistillSummary {
  const { training, network } = student;
  const { epochs, batchSize, checkpointSteps, curveSteps } = training;
  const perEpoch = batchesPerEpoch(train.shardSizes, batchSize);
  if (perEpoch === 0)
    throw new TrainingError('invalid-input', `${train.size} clips do not fill a batch of ${batchSize}`);
  if (training.initialShare > 0 && !initial)
    throw new TrainingError('invalid-input', 'initialShare: there is nothing that the training begins with');
  checkTold(validation, training.only);
  const run = RunFolder.open({ path: out, verb: 'distill', seed, configuration: { student, ...sources } });
  const checkpoint = run.file(distillFiles.checkpoint);
  const totalSteps = epochs * perEpoch;
  const { trainer, position } = open(checkpoint, student, totalSteps, seed, initial);
  const board = new TensorBoard(run.file(distillFiles.tensorBoard));
  const shape = inputShapeOf(network);

  const save = () => {
    trainer.save(checkpoint, { position: JSON.stringify(position) });
    writeCsv(run.file(distillFiles.curves), position.curves);
    writeCsv(run.file(distillFiles.validation), position.validations);
    board.flush();
  };
  const step = (epoch: number, index: number, batches: ReturnType<typeof epochBatches>) => {
    const clips = (batches[index] as (typeof batches)[number]).map((place) => train.clip(place));
    const random = Random.derive(seed, 'batch', epoch, index);
    const learningRate = trainer.learningRate;
    const values = trainer.train(trainingBatch(clips, random, training.windows, shape), random);
    if (trainer.step % curveSteps === 0 || trainer.step === totalSteps) {
      position.curves.push({ step: trainer.step, learningRate, ...values });
      board.write('train', { step: trainer.step, learningRate, ...values });
    }
    const atEnd = index === batches.length - 1;
    if (trainer.step % checkpointSteps === 0 && !atEnd) save();
    progress.advance(1, `loss ${values.total.toFixed(3)}`);
  };
  const finishEpoch = (epoch: number) => {
    const found = validate(trainer.network, validation, training.windows, shape);
    const best = bestOf(position.validations, training.only);
    position.validations.push({ epoch: epoch + 1, step: trainer.step, ...found });
    board.write('validation', { step: trainer.step, ...found });
    if (!best || selectionOf(found, training.only) < selectionOf(best, training.only)) {
      trainer.saveWeights(run.file(distillFiles.best), { student: JSON.stringify(student), epoch: String(epoch + 1) });
    }
    save();
  };

  progress.start(totalSteps, trainer.step);
  for (let epoch = position.validations.length; epoch < epochs; epoch++) {
    const batches = epochBatches(train.shardSizes, {
      ...{ seed, epoch, batchSize },
      shardsAtOnce: Math.max(1, training.shardsInMemory - 1),
    });
    for (let index = trainer.step - epoch * perEpoch; index < batches.length; index++) step(epoch, index, batches);
    finishEpoch(epoch);
  }
  progress.stop();
  trainer.dispose();
  const best = bestOf(position.validations, training.only) as CurveRow & Validation;
  const bestEpoch = best.epoch as number;
  if (!initial || training.initialShare === 0) {
    copyFileSync(run.file(distillFiles.best), run.file(distillFiles.student));
    run.finish();
    return { steps: totalSteps, bestEpoch, best };
  }
  const { arrays, metadata } = readArrays(run.file(distillFiles.best));
  const mixed = mixedWith(initial, arrays, training.initialShare);
  writeArrays(run.file(distillFiles.student), mixed, metadata);
  const found = new Network(network, new Map([...mixed].map(([name, { values }]) => [name, values])));
  const validated = { epoch: bestEpoch, ...validate(found, validation, training.windows, shape) };
  found.dispose();
  run.finish();
  return { steps: totalSteps, bestEpoch, best: validated };
}

/** @throws {TrainingError} invalid-input when no epoch could be told from another: no clip to validate on says what is learnt */
function checkTold(validation: DataSet, only: TrainingConfiguration['only']): void {
  if (validation.size === 0) throw new TrainingError('invalid-input', 'there are no clips to validate on');
  for (const place of validation.places()) {
    const { speech, mos } = validation.stored(place);
    if ((only === 'speech' ? speech : mos) !== null) return;
  }
  const lacking = only === 'speech' ? 'says where somebody speaks' : 'has a label';
  throw new TrainingError('invalid-input', `none of the ${validation.size} clips to validate on ${lacking}`);
}

function open(
  checkpoint: string,
  student: StudentConfiguration,
  totalSteps: number,
  seed: number,
  initial?: WeightArrays,
) {
  if (!existsSync(checkpoint)) {
    const position: Position = { curves: [], validations: [] };
    return { trainer: Trainer.create(student, totalSteps, seed, initial), position };
  }
  const { trainer, metadata } = Trainer.resume(student, totalSteps, checkpoint);
  return { trainer, position: JSON.parse(metadata.position as string) as Position };
}

function bestOf(
  validations: readonly (CurveRow & Validation)[],
  only: TrainingConfiguration['only'],
): (CurveRow & Validation) | undefined {
  return [...validations].sort((a, b) => selectionOf(a, only) - selectionOf(b, only))[0];
}
