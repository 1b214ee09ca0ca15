import { resolve } from 'node:path';
import { Command } from 'commander';
import { terminalProgress } from '../run/progress.ts';
import { collect, outOption, seedOption } from './options.ts';

interface EvaluateFlags {
  model: string[];
  labels: string[];
  rated: string[];
  teachers: string[];
  out: string;
  seed: number;
}

export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description('compares models with ratings: tables, plots, and every score')
    .requiredOption('--model <manifest>', 'manifest of a model (repeatable)', collect, [])
    .option('--labels <folder>', 'run folder of "teach" with clips that were not trained on (repeatable)', collect, [])
    .option('--rated <file>', 'list of rated sets of audio files (repeatable)', collect, [])
    .option('--teachers <file>', 'teachers to compare with on audio files (repeatable)', collect, [])
    .addOption(outOption())
    .addOption(seedOption())
    .action(async ({ model, labels, rated, teachers, out, seed }: EvaluateFlags) => {
      const absolute = (paths: string[]) => paths.map((path) => resolve(path));
      const [{ evaluate }, { report }] = await Promise.all([
        import('../evaluate/evaluate.ts'),
        import('../evaluate/report.ts'),
      ]);
      const results = await evaluate({
        ...{ out, seed, models: absolute(model), taught: absolute(labels), rated: absolute(rated) },
        ...{ teachers: absolute(teachers), progress: terminalProgress('evaluate') },
      });
      console.log(report(results));
    });
}
