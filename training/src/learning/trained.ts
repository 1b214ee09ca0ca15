import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readArrays } from '../run/arrays.ts';
import { TrainingError } from '../run/errors.ts';
import { checkConfiguration } from '../run/files.ts';
import { RunFolder, type RunRecord } from '../run/run-folder.ts';
import { type StudentConfiguration, studentSchema } from './configuration.ts';

/** Files of a run of `distill`. */
export const distillFiles = {
  /** All that is needed to go on. */
  checkpoint: 'checkpoint.safetensors',
  /** Weights of the best epoch so far. */
  best: 'best.safetensors',
  /** The same, once the training is over, or what became of them by `initialShare`. */
  student: 'student.safetensors',
  curves: 'curves.csv',
  validation: 'validation.csv',
  /** Where it went on from another student: how it would do with other shares of that (`shareRows`). */
  shares: 'shares.csv',
  tensorBoard: 'tensorboard',
} as const;

/** What runs that make a network say of what they learnt from. */
export interface TrainedConfiguration {
  /** Run folders of `teach`. */
  train: string[];
  /** What they began with: another such run, a model's manifest, or a teacher's description. */
  initial?: string;
}

/** The record of a finished run of `distill` or `prune`. */
export function readTrained(folder: string): RunRecord & { configuration: TrainedConfiguration } {
  const record = RunFolder.read(folder);
  if (record.verb !== 'distill' && record.verb !== 'prune') {
    throw new TrainingError('invalid-input', `${folder} was made by "${record.verb}", not by "distill" or "prune"`);
  }
  if (!record.finishedAt) throw new TrainingError('invalid-input', `${folder} is not finished`);
  return record as RunRecord & { configuration: TrainedConfiguration };
}

/** Whether a path is that of a run rather than of a file. */
export function isRun(path: string): boolean {
  return existsSync(join(path, 'run.json'));
}

/**
 * Every run of `teach` that a network learnt from, those of the runs that it began with included. What published networks learnt
 * from nobody can look up: what is not a run has none.
 */
export function trainedOn(path: string): string[] {
  if (!isRun(path)) return [];
  const { train, initial } = readTrained(path).configuration;
  return [...train, ...(initial === undefined ? [] : trainedOn(initial))];
}

/** The student of a finished run: the best weights of `distill`, the last ones of `prune`. */
export function readStudent(folder: string): { student: StudentConfiguration; weights: Map<string, Float32Array> } {
  readTrained(folder);
  const file = join(folder, distillFiles.student);
  if (!existsSync(file)) throw new TrainingError('invalid-input', `${folder} holds no student`);
  const { arrays, metadata } = readArrays(file);
  const student = checkConfiguration(JSON.parse(metadata.student as string), studentSchema, file);
  return { student, weights: new Map([...arrays].map(([name, { values }]) => [name, values])) };
}
