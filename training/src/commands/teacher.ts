import { resolve } from 'node:path';
import { Command } from 'commander';
import { terminalProgress } from '../run/progress.ts';
import { readTeacherConfiguration } from '../teacher/configuration.ts';
import { collect, outOption, seedOption } from './options.ts';

interface TeacherFlags {
  teacher: string;
  train: string[];
  validation: string[];
  out: string;
  seed: number;
}

export function teacherCommand(): Command {
  return new Command('teacher')
    .description('trains a teacher on rated files: a head on XLS-R, or its last layers too; started again it goes on')
    .requiredOption('--teacher <file>', 'which network and how it is trained (YAML or JSON)')
    .requiredOption(
      '--train <manifest>',
      'rated files: file, mos, votes, dataset, speaker (CSV or JSONL, repeatable)',
      collect,
      [],
    )
    .requiredOption('--validation <manifest>', 'the same, of other files and speakers (repeatable)', collect, [])
    .addOption(outOption())
    .addOption(seedOption())
    .action(async ({ teacher, train, validation, out, seed }: TeacherFlags) => {
      const configuration = readTeacherConfiguration(teacher);
      // TensorFlow takes a second to load: only the verbs that need it do.
      const { trainTeacher } = await import('../teacher/train.ts');
      const { steps, bestEpoch, figures, biases } = await trainTeacher({
        ...{ out, seed, teacher: configuration },
        train: train.map((path) => resolve(path)),
        validation: validation.map((path) => resolve(path)),
        progress: { features: terminalProgress('hidden states'), training: terminalProgress('teacher') },
      });
      console.log(`${steps} steps; the best epoch is ${bestEpoch}:`);
      console.table(figures);
      console.log('rating = offset + slope x score:');
      console.table(biases);
      console.log(`label with it: mos-train teach --teachers ${out}/ensemble.yaml`);
    });
}
