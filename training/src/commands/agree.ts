import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { type Split, splits } from '../corpus/manifest.ts';
import { terminalProgress } from '../run/progress.ts';
import { collect, outOption, positive, seedOption } from './options.ts';

interface AgreeFlags {
  model: string[];
  corpus: string;
  split: Split;
  conditions: string;
  recipe: string;
  metric: string;
  talkers: number;
  out: string;
  seed: number;
}

const shipped = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

export function agreeCommand(): Command {
  return new Command('agree')
    .description('compares models with what listeners said of conditions that are made again, and over sweeps')
    .requiredOption('--model <manifest>', 'manifest of a model (repeatable)', collect, [])
    .requiredOption('--corpus <folder>', 'run folder of "corpus"')
    .addOption(new Option('--split <name>', 'whose speech is taken').choices(splits).default('test'))
    .requiredOption('--conditions <csv>', 'experiment, condition, processing, mos, votes')
    .option('--recipe <file>', 'recipe whose codecs there are', shipped('recipes/agreement.yaml'))
    .option('--metric <file>', 'full-reference metric to set beside', shipped('teachers/pesq-wb.yaml'))
    .addOption(new Option('--talkers <count>', 'whose speech is heard').argParser(positive).default(8))
    .addOption(outOption())
    .addOption(seedOption())
    .action(async ({ model, corpus, conditions, ...flags }: AgreeFlags) => {
      const { agree } = await import('../agree/agree.ts');
      const { agreementReport } = await import('../agree/report.ts');
      const paths = { corpus: resolve(corpus), conditions: resolve(conditions) };
      const models = model.map((path) => resolve(path));
      const agreement = await agree({ ...flags, ...paths, models, progress: terminalProgress('agree') });
      console.log(agreementReport(agreement));
    });
}
