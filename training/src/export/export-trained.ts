import { type ExportedModel, type ExportOptions, exportStudent } from './export.ts';
import { exportDistillMos, holdsDistillMos } from './export-distill-mos.ts';

/** Exports what a run of `distill` or `prune` made: a student, or a network made from Distill-MOS. */
export function exportTrained(options: ExportOptions): Promise<ExportedModel[]> {
  return holdsDistillMos(options.student) ? exportDistillMos(options) : exportStudent(options);
}
