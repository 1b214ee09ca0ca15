import { resolve } from 'node:path';
import { Command } from 'commander';
import { makeCorpus } from '../corpus/corpus.ts';
import { kinds } from '../corpus/manifest.ts';
import { terminalProgress } from '../run/progress.ts';
import { collect, outOption, seedOption, share, workersOption } from './options.ts';

interface CorpusFlags {
  speech: string[];
  wild: string[];
  noise: string[];
  rir: string[];
  csv: string[];
  heldOut: string[];
  validation: number;
  test: number;
  out: string;
  seed: number;
  workers: number;
}

export function corpusCommand(): Command {
  return new Command('corpus')
    .description('makes and checks a manifest of recordings, with splits that share no speaker')
    .option('--speech <folder>', 'clean speech, one folder per speaker (repeatable)', collect, [])
    .option('--wild <folder>', 'speech from real devices and networks (repeatable)', collect, [])
    .option('--noise <folder>', 'noises (repeatable)', collect, [])
    .option('--rir <folder>', 'impulse responses of rooms and devices (repeatable)', collect, [])
    .option('--csv <file>', 'list of recordings: file, kind, speaker, lang, licence, source (repeatable)', collect, [])
    .option('--held-out <file>', 'lines "speaker NAME" and "file ID" never to be trained on (repeatable)', collect, [])
    .option('--validation <share>', 'share of speakers, noises and rooms for validation', share, 0.05)
    .option('--test <share>', 'share of speakers, noises and rooms for testing', share, 0.05)
    .addOption(outOption())
    .addOption(seedOption())
    .addOption(workersOption())
    .action(async (flags: CorpusFlags) => {
      const { validation, test, out, seed, workers } = flags;
      const [csvs, heldOut] = [flags.csv, flags.heldOut].map((paths) => paths.map((path) => resolve(path)));
      const folders = kinds.flatMap((kind) => flags[kind].map((path) => ({ path: resolve(path), kind })));
      const shares = { validation, test };
      const progress = terminalProgress('corpus');
      const summary = await makeCorpus({ out, folders, csvs, heldOut, shares, seed, workers, progress });
      console.log(`${summary.recordings} recordings, ${summary.bad} left out (see ${out}/bad.jsonl)`);
      if (summary.unknownHeldOut.length > 0) {
        console.warn(`held out, but not in the corpus: ${summary.unknownHeldOut.join(', ')}`);
      }
      console.table(rounded(summary.hours));
    });
}

/** Hours with three digits, for the table. */
function rounded(hours: object): object {
  return JSON.parse(
    JSON.stringify(hours, (_, value) => (typeof value === 'number' ? Number(value.toFixed(3)) : value)),
  );
}
