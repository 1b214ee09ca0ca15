import { Command, InvalidArgumentError } from 'commander';
import { runPipeline } from '../pipeline/pipeline.ts';
import { outOption, seedOption } from './options.ts';

interface RunFlags {
  set: Record<string, string>;
  out: string;
  seed: number;
}

export function runCommand(): Command {
  return new Command('run')
    .description('all of it: the verbs in the order of a configuration')
    .argument('<config>', 'the steps and their options (YAML or JSON)')
    .option('--set <name=value>', 'a parameter of the configuration (repeatable)', collectSettings, {})
    .addOption(outOption())
    .addOption(seedOption())
    .action(async (config: string, { set, out, seed }: RunFlags) => {
      await runPipeline({
        ...{ config, out, parameters: set, seed },
        onStep: (place, count, parameters) => console.log(`\n[${place}/${count}] mos-train ${parameters.join(' ')}`),
      });
      console.log(`\nall steps of ${config} are done: ${out}`);
    });
}

function collectSettings(setting: string, previous: Record<string, string>): Record<string, string> {
  const [, name, value] = /^([a-z][a-z0-9-]*)=(.+)$/s.exec(setting) ?? [];
  if (!name || value === undefined) throw new InvalidArgumentError('must be name=value.');
  return { ...previous, [name]: value };
}
