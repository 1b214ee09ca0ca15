import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { distillMosFile, readStoredDistillMos, type StoredDistillMos } from '../distill-mos/stored.ts';
import type { StudentConfiguration } from '../learning/configuration.ts';
import { isRun, readStudent, readTrained } from '../learning/trained.ts';
import { TrainingError } from '../run/errors.ts';
import { isPublished, readPublished } from './published.ts';
import { restoredStudent } from './restored.ts';
import { isPublishedDistillMos, restoredDistillMos } from './restored-distill-mos.ts';

/**
 * The student that a finished run made, or that a published model is.
 *
 * @param path - folder of a run of `distill` or `prune`, or the manifest of a model
 * @throws {TrainingError} invalid-input when it is neither, or holds no student
 */
export function studentAt(path: string): { student: StudentConfiguration; weights: Map<string, Float32Array> } {
  if (isRun(path)) return readStudent(path);
  checkPublished(path);
  return restoredStudent(path);
}

/**
 * The network that was made from Distill-MOS, where a finished run made one or a published model is one, and not a student.
 *
 * @param path - folder of a run of `distill` or `prune`, or the manifest of a model
 * @throws {TrainingError} invalid-input when it is neither
 */
export function distillMosAt(path: string): StoredDistillMos | undefined {
  if (isRun(path)) {
    readTrained(path);
    const file = join(path, distillMosFile);
    return existsSync(file) ? readStoredDistillMos(file) : undefined;
  }
  checkPublished(path);
  if (!isPublishedDistillMos(path)) return undefined;
  const { name, description } = readPublished(path);
  const { shape, weights } = restoredDistillMos(path);
  return { description: { name, description, shape }, weights };
}

function checkPublished(path: string): void {
  if (isPublished(path)) return;
  throw new TrainingError(
    'invalid-input',
    `${path}: neither a run of "distill" or "prune" nor the manifest (.json) of a model`,
  );
}
