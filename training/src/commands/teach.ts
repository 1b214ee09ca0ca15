import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { terminalProgress } from '../run/progress.ts';
import { outOption, queueOption, seedOption, threadsOption, workersOption } from './options.ts';

interface TeachFlags {
  clips: string;
  teachers: string;
  threads: number;
  out: string;
  seed: number;
  workers: number;
  known?: string;
  queue?: string;
}

export function teachCommand(): Command {
  return new Command('teach')
    .description('labels clips by one or several teachers')
    .requiredOption('--clips <folder>', 'run folder of "degrade"')
    .requiredOption('--teachers <file>', 'which teachers, with what weights (YAML or JSON)')
    .addOption(
      new Option('--known <folder>', 'labels of the same clips: teachers of theirs are not asked again').conflicts(
        'queue',
      ),
    )
    .addOption(threadsOption().conflicts('queue'))
    .addOption(outOption())
    .addOption(seedOption())
    .addOption(workersOption().conflicts('queue'))
    .addOption(queueOption())
    .action(async (flags: TeachFlags) => {
      const clips = resolve(flags.clips);
      // The runtime of the networks is loaded by the verbs that need it only.
      const { teach } = await import('../teach/teach.ts');
      const onTrouble = (what: string) => console.error(`teach: ${what}`);
      const known = flags.known === undefined ? {} : { known: resolve(flags.known) };
      const summary = await teach({ ...flags, ...known, clips, progress: terminalProgress('teach'), onTrouble });
      const { labelled, mean, deviation } = summary;
      const said = labelled > 0 ? `MOS ${mean.toFixed(2)}, deviation ${deviation.toFixed(2)}` : 'nobody speaks';
      console.log(`${labelled} of ${summary.clips} clips labelled: ${said}`);
    });
}
