import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { CauseShifts } from '../export/cause-shifts.ts';
import { causeShift, collect, outOption, seedOption, share } from './options.ts';

interface ExportFlags {
  student: string;
  calibration: string[];
  form: string;
  precision: string;
  name?: string;
  modelVersion: string;
  licence: string;
  coverage: number;
  causeShift: CauseShifts;
  out: string;
  seed: number;
}

export function exportCommand(): Command {
  return new Command('export')
    .description('writes a trained student as ONNX, with manifest and model card')
    .requiredOption('--student <path>', 'run folder of "distill" or "prune", or manifest of a model')
    .requiredOption('--calibration <folder>', 'run folder of "teach", of other speakers (repeatable)', collect, [])
    .addOption(
      new Option('--form <form>', 'what is written').choices(['windowed', 'streaming', 'both']).default('both'),
    )
    .addOption(
      new Option('--precision <precision>', '8-bit numbers for convolutions and large products, or not')
        .choices(['float', 'int8', 'both'])
        .default('float'),
    )
    .option(
      '--name <name>',
      "name of the model, taken as it is if one file is wanted (default: the student's, and the form)",
    )
    .option('--model-version <version>', 'version of the model', '0.1.0')
    .option('--licence <expression>', 'SPDX expression of the model', 'MIT')
    .option('--coverage <share>', 'how often intervals hold the truth', share, 0.9)
    .option(
      '--cause-shift <cause=number>',
      'added to the log-odds of a cause that training clips have more or less often than calls (repeatable)',
      causeShift,
      {},
    )
    .addOption(outOption())
    .addOption(seedOption())
    .action(
      async ({
        form,
        precision,
        modelVersion,
        student,
        calibration,
        name,
        causeShift: causeShifts,
        ...flags
      }: ExportFlags) => {
        const { exportTrained } = await import('../export/export-trained.ts');
        const models = await exportTrained({
          ...flags,
          ...(name === undefined ? {} : { name }),
          student: resolve(student),
          calibration: calibration.map((path) => resolve(path)),
          forms: form === 'both' ? ['windowed', 'streaming'] : [form as 'windowed'],
          precisions: precision === 'both' ? ['float', 'int8'] : [precision as 'float'],
          version: modelVersion,
          causeShifts,
        });
        console.table(models);
      },
    );
}
