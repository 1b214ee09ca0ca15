import { resolve } from 'node:path';
import { Command } from 'commander';
import { pruningSchema } from '../learning/pruning-configuration.ts';
import { readConfiguration } from '../run/files.ts';
import { terminalProgress } from '../run/progress.ts';
import { collect, outOption, seedOption } from './options.ts';

interface PruneFlags {
  initial: string;
  pruning: string;
  train: string[];
  validation: string[];
  out: string;
  seed: number;
}

export function pruneCommand(): Command {
  return new Command('prune')
    .description('takes the least important units out of a network and trains what is left, round by round')
    .requiredOption(
      '--initial <path>',
      'run of "distill" or "prune", manifest of a model, or description of Distill-MOS as a teacher',
    )
    .requiredOption('--pruning <file>', 'how far, in how many rounds, and how it is trained (YAML or JSON)')
    .requiredOption('--train <folder>', 'run folder of "teach" (repeatable)', collect, [])
    .requiredOption('--validation <folder>', 'the same, of other speakers (repeatable)', collect, [])
    .addOption(outOption())
    .addOption(seedOption())
    .action(async ({ initial, pruning, train, validation, out, seed }: PruneFlags) => {
      // TensorFlow takes a second to load: only the verbs that need it do.
      const { pruneRun } = await import('../prune/open.ts');
      const rows = pruneRun({
        ...{ out, seed, initial: resolve(initial), pruning: readConfiguration(pruning, pruningSchema) },
        train: train.map((path) => resolve(path)),
        validation: validation.map((path) => resolve(path)),
        progress: terminalProgress('prune'),
      });
      console.table(rows);
    });
}
