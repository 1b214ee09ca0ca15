import { resolve } from 'node:path';
import { Command } from 'commander';
import { terminalProgress } from '../run/progress.ts';
import { outOption, positive, seedOption, workersOption } from './options.ts';

interface TeachFlags {
  clips: string;
  teachers: string;
  threads: number;
  out: string;
  seed: number;
  workers: number;
}

export function teachCommand(): Command {
  return new Command('teach')
    .description('labels clips by one or several teachers')
    .requiredOption('--clips <folder>', 'run folder of "degrade"')
    .requiredOption('--teachers <file>', 'which teachers, with what weights (YAML or JSON)')
    .option('--threads <count>', 'threads of each worker', positive, 1)
    .addOption(outOption())
    .addOption(seedOption())
    .addOption(workersOption())
    .action(async (flags: TeachFlags) => {
      const clips = resolve(flags.clips);
      // The runtime of the networks is loaded by the verbs that need it only.
      const { teach } = await import('../teach/teach.ts');
      const summary = await teach({ ...flags, clips, progress: terminalProgress('teach') });
      const { labelled, mean, deviation } = summary;
      console.log(
        `${labelled} of ${summary.clips} clips labelled: MOS ${mean.toFixed(2)}, deviation ${deviation.toFixed(2)}`,
      );
    });
}
