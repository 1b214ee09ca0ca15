import { resolve } from 'node:path';
import { Command } from 'commander';
import { studentSchema } from '../distill/configuration.ts';
import { readConfiguration } from '../run/files.ts';
import { terminalProgress } from '../run/progress.ts';
import { collect, outOption, seedOption } from './options.ts';

interface DistillFlags {
  student: string;
  train: string[];
  validation: string[];
  out: string;
  seed: number;
}

export function distillCommand(): Command {
  return new Command('distill')
    .description('trains a student on labelled clips; started again after a kill it goes on')
    .requiredOption('--student <file>', 'shape of the network and how it is trained (YAML or JSON)')
    .requiredOption('--train <folder>', 'run folder of "teach" (repeatable)', collect, [])
    .requiredOption('--validation <folder>', 'the same, of other speakers (repeatable)', collect, [])
    .addOption(outOption())
    .addOption(seedOption())
    .action(async (flags: DistillFlags) => {
      const student = readConfiguration(flags.student, studentSchema);
      const sources = {
        train: flags.train.map((path) => resolve(path)),
        validation: flags.validation.map((path) => resolve(path)),
      };
      // TensorFlow takes a second to load: only the verbs that need it do.
      const [{ distill }, { checkDisjoint, openTaught }] = await Promise.all([
        import('../distill/distill.ts'),
        import('../distill/taught.ts'),
      ]);
      checkDisjoint(sources.train, sources.validation);
      const { shardsInMemory } = student.training;
      const { steps, bestEpoch, best } = distill({
        ...{ out: flags.out, student, sources, seed: flags.seed },
        train: openTaught(sources.train, shardsInMemory),
        validation: openTaught(sources.validation, shardsInMemory),
        progress: terminalProgress('distill'),
      });
      console.log(`${steps} steps; the best epoch is ${bestEpoch}:`);
      console.table(best);
    });
}
