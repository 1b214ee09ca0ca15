import { studentAt } from '../export/network-at.ts';
import type { StudentConfiguration } from '../learning/configuration.ts';
import type { DataSet } from '../learning/data-set.ts';
import { isRun } from '../learning/trained.ts';
import { settled } from './settled.ts';

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
  const { student, weights } = studentAt(path);
  return { student, weights: isRun(path) ? weights : settled(student, weights, data, seed) };
}
