import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { terminalProgress } from '../run/progress.ts';
import { collect, outOption, seedOption, share } from './options.ts';

interface QuantizeFlags {
  model: string;
  calibration: string[];
  labels: string[];
  form: string;
  rangeCut: number;
  coverage: number;
  out: string;
  seed: number;
}

export function quantizeCommand(): Command {
  return new Command('quantize')
    .description('writes a network in float and in 8-bit numbers, and says what that costs and gains')
    .requiredOption('--model <path>', 'run folder of "distill" or "prune", or manifest of a model')
    .requiredOption('--calibration <folder>', 'run folder of "teach", of other speakers (repeatable)', collect, [])
    .option(
      '--labels <folder>',
      'the same, of clips to compare on (repeatable; default: those of --calibration)',
      collect,
      [],
    )
    .addOption(
      new Option('--form <form>', 'what is written').choices(['windowed', 'streaming', 'both']).default('windowed'),
    )
    .option('--range-cut <share>', 'share of the clips whose loudest activations are cut off', share, 0)
    .option('--coverage <share>', 'how often intervals hold the truth', share, 0.9)
    .addOption(outOption())
    .addOption(seedOption())
    .action(async ({ model, calibration, labels, form, rangeCut, ...flags }: QuantizeFlags) => {
      const { quantize } = await import('../quantize/quantize.ts');
      const folders = calibration.map((path) => resolve(path));
      const table = await quantize({
        ...flags,
        model: resolve(model),
        calibration: folders,
        taught: labels.length > 0 ? labels.map((path) => resolve(path)) : folders,
        forms: form === 'both' ? ['windowed', 'streaming'] : [form as 'windowed'],
        rangeShare: 1 - rangeCut,
        progress: terminalProgress('quantize'),
      });
      console.log(table);
    });
}
