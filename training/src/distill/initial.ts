import { isPublished } from '../export/published.ts';
import { restoredStudent } from '../export/restored.ts';
import { TrainingError } from '../run/errors.ts';
import type { StudentConfiguration } from './configuration.ts';
import type { DataSet } from './data-set.ts';
import { settled } from './settled.ts';
import { isRun, readStudent } from './trained.ts';

/**
 * The student that a training goes on from: that of a finished run, or of a published model, which hears some of the clips first.
 *
 * @param path - folder of a run of `distill` or `prune`, or the manifest of a model
 * @throws {TrainingError} invalid-input when it is neither, or holds no student that can be trained
 */
export function readInitial(
  path: string,
  data: DataSet,
  seed: number,
): { student: StudentConfiguration; weights: Map<string, Float32Array> } {
  if (isRun(path)) return readStudent(path);
  if (!isPublished(path)) {
    throw new TrainingError(
      'invalid-input',
      `${path}: neither a run of "distill" or "prune" nor the manifest (.json) of a model`,
    );
  }
  const { student, weights } = restoredStudent(path);
  return { student, weights: settled(student, weights, data, seed) };
}
