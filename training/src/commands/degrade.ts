import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { type Split, splits } from '../corpus/manifest.ts';
import { degrade } from '../degrade/degrade.ts';
import { terminalProgress } from '../run/progress.ts';
import { outOption, positive, seedOption, workersOption } from './options.ts';

interface DegradeFlags {
  corpus: string;
  recipe: string;
  split: Split;
  clips: number;
  shardClips: number;
  out: string;
  seed: number;
  workers: number;
}

export function degradeCommand(): Command {
  return new Command('degrade')
    .description('simulates what calls do to speech, with the truth kept per clip')
    .requiredOption('--corpus <folder>', 'run folder of "corpus"')
    .requiredOption('--recipe <file>', 'what is simulated (YAML or JSON)')
    .requiredOption('--clips <count>', 'how many clips', positive)
    .addOption(new Option('--split <name>', 'recordings that clips are made of').choices(splits).default('train'))
    .option('--shard-clips <count>', 'clips per shard', positive, 100)
    .addOption(outOption())
    .addOption(seedOption())
    .addOption(workersOption())
    .action(async (flags: DegradeFlags) => {
      const corpus = resolve(flags.corpus);
      const summary = await degrade({ ...flags, corpus, progress: terminalProgress('degrade') });
      console.log(`${summary.clips} clips, ${summary.hours.toFixed(2)} h of talk`);
      console.log('contents', summary.contents);
      console.log('causes  ', summary.causes);
    });
}
