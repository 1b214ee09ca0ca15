import { relative } from 'node:path';
import { stringify } from 'yaml';
import { writeArrays } from '../run/arrays.ts';
import { writeAtomically } from '../run/files.ts';
import type { RunFolder } from '../run/run-folder.ts';
import type { TeacherConfiguration } from './configuration.ts';
import type { TeacherTrainer } from './trainer.ts';

/** Files of a run of `teacher`. */
export const teacherFiles = {
  /** All that is needed to go on. */
  checkpoint: 'checkpoint.safetensors',
  /** Head and trained layers of the best epoch so far. */
  best: 'best.safetensors',
  /** The same, once the training is over. */
  teacher: 'teacher.safetensors',
  /** What `teach` reads: the teacher's description, and an ensemble of it alone. */
  description: 'teacher.yaml',
  ensemble: 'ensemble.yaml',
  curves: 'curves.csv',
  validation: 'validation.csv',
  biases: 'biases.csv',
  tensorBoard: 'tensorboard',
  /** Hidden states of all files, which may be removed when the run is over. */
  features: 'features',
} as const;

/** Writes the head and the layers that are or were retrained. */
export function writeTeacher(
  path: string,
  trainer: TeacherTrainer,
  retrainedBefore: Parameters<typeof writeArrays>[1],
  metadata: Readonly<Record<string, string>>,
): void {
  writeArrays(path, new Map([...retrainedBefore, ...trainer.weights()]), metadata);
}

/** Writes what makes the result a teacher as any other. */
export function describeTeacher(
  run: RunFolder,
  { name, licence, source, backbone, layers }: TeacherConfiguration,
  heads: number,
) {
  const description = {
    ...{ name, licence, source, file: teacherFiles.teacher, format: 'xls-r-sqa' },
    xlsR: { backbone: relative(run.path, backbone), layers, heads },
    ...{ window: {}, output: {} },
  };
  writeAtomically(run.file(teacherFiles.description), stringify(description));
  const ensemble = { name, teachers: [{ description: teacherFiles.description, weight: 1 }] };
  writeAtomically(run.file(teacherFiles.ensemble), stringify(ensemble));
}
