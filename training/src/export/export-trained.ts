import { type ExportedModel, type ExportOptions, exportStudent } from './export.ts';
import { exportDistillMos } from './export-distill-mos.ts';
import { distillMosAt } from './network-at.ts';

/** Exports the result of a `distill` or `prune` run, or a published model: a student, or a network made from Distill-MOS. */
export function exportTrained(options: ExportOptions): Promise<ExportedModel[]> {
  const distillMos = distillMosAt(options.student);
  return distillMos ? exportDistillMos(options, distillMos) : exportStudent(options);
}
