import { resolve } from 'node:path';
import { Command } from 'commander';
import { terminalProgress } from '../run/progress.ts';
import { collect, outOption, seedOption } from './options.ts';

interface PanelFlags {
  model: string;
  rated: string[];
  agreement?: string;
  out: string;
  seed: number;
}

export function panelCommand(): Command {
  return new Command('panel')
    .description('widens the intervals of a model by how panels of listeners differ from its scores')
    .requiredOption('--model <manifest>', 'manifest of a model')
    .option('--rated <file>', 'list of rated sets of audio files (repeatable)', collect, [])
    .option('--agreement <folder>', 'run folder of "agree" with the same model: its experiments are panels, too')
    .addOption(outOption())
    .addOption(seedOption())
    .action(async ({ model, rated, agreement, ...flags }: PanelFlags) => {
      const { panel } = await import('../panel/panel.ts');
      const found = await panel({
        ...{ ...flags, model: resolve(model), rated: rated.map((path) => resolve(path)) },
        ...(agreement === undefined ? {} : { agreement: resolve(agreement) }),
        progress: terminalProgress('panel'),
      });
      console.log(`deviation between panels: ${found.sigma.toFixed(3)} MOS`);
      console.table(found.sets);
    });
}
