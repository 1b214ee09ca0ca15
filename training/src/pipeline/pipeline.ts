import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { TrainingError } from '../run/errors.ts';
import { JsonLinesAppender, readConfiguration, readJsonLines, writeJsonLines } from '../run/files.ts';
import { RunFolder } from '../run/run-folder.ts';
import { recordOf } from './record.ts';

const option = z.union([z.string(), z.number()]);

/**
 * A configuration of `run`: verbs in order with their options, named as on the command line without the dashes. Text may
 * hold {run}, the folder of the whole run, {config}, the folder of the configuration, and any {name} of `parameters`.
 */
const pipelineSchema = z.strictObject({
  name: z.string().min(1),
  /** Parameters that --set must give, with their descriptions. */
  parameters: z.record(z.string().regex(/^[a-z][a-z0-9-]*$/), z.string()).default({}),
  steps: z
    .array(
      z.strictObject({
        verb: z.string().regex(/^[a-z]+$/),
        /** Run folder of the step, below that of the whole run. */
        out: z.string().min(1),
        options: z.record(z.string(), z.union([option, z.array(option)])).default({}),
      }),
    )
    .min(1),
});

export interface PipelineOptions {
  /** Configuration file. */
  config: string;
  out: string;
  /** Values of the configuration's parameters. */
  parameters: Readonly<Record<string, string>>;
  /** Given to every step that names none. */
  seed: number;
  /** Called before each step with its number from 1, the number of steps, and its command line. */
  onStep?: (place: number, count: number, parameters: readonly string[]) => void;
}

/**
 * Runs all steps in order, each as a process of its own. Steps that it finished before are left as they are. What was run is told
 * in `record.jsonl`, a line for each step (`StepRecord`).
 *
 * @throws {TrainingError} run-mismatch when a step's folder holds a finished run that this one did not begin: nothing tells whether
 * its options are those of the configuration; step when a step fails
 */
export async function runPipeline({ config, out, parameters, seed, onStep }: PipelineOptions): Promise<void> {
  const pipeline = readConfiguration(config, pipelineSchema);
  checkParameters(config, Object.keys(pipeline.parameters), Object.keys(parameters));
  const places: Record<string, string> = { ...parameters, run: resolve(out), config: dirname(resolve(config)) };
  const commands = pipeline.steps.map(({ verb, out: name, options }) => {
    const flags = Object.entries({ seed, ...options, out: join(resolve(out), name) });
    return { name, parameters: [verb, ...flags.flatMap((flag) => flagsOf(flag, places, config))] };
  });
  const run = RunFolder.open({ path: out, verb: 'run', seed, configuration: { pipeline, parameters } });
  const begun = new JsonLinesAppender(run.file(begunFile));
  const begunBefore = new Set(readJsonLines<string>(run.file(begunFile)));
  for (const [index, { name, parameters: line }] of commands.entries()) {
    const folder = run.file(name);
    if (isFinished(folder)) {
      if (begunBefore.has(name)) continue;
      throw new TrainingError(
        'run-mismatch',
        `${folder} was not made by this run, and may have had other options; move it away`,
      );
    }
    begun.append([name]);
    onStep?.(index + 1, commands.length, line);
    await mosTrain(line);
  }
  writeJsonLines(
    run.file('record.jsonl'),
    pipeline.steps.map((step) => recordOf(out, step)),
  );
  run.finish();
}

/** Names of the steps that were begun, one a line. */
const begunFile = 'begun.jsonl';

function checkParameters(config: string, wanted: readonly string[], given: readonly string[]): void {
  const missing = wanted.filter((name) => !given.includes(name));
  if (missing.length > 0)
    throw new TrainingError('invalid-input', `${config} needs --set ${missing.join('=..., ')}=...`);
  const unknown = given.filter((name) => !wanted.includes(name));
  if (unknown.length > 0) throw new TrainingError('invalid-input', `${config} has no parameter ${unknown.join(', ')}`);
}

function flagsOf(
  [name, value]: [string, string | number | (string | number)[]],
  places: Readonly<Record<string, string>>,
  config: string,
): string[] {
  const filled = (text: string) =>
    text.replace(/\{([a-z0-9-]+)\}/g, (place, key: string) => {
      const known = places[key];
      if (known === undefined)
        throw new TrainingError('invalid-input', `${config}: ${name} has an unknown place ${place}`);
      return known;
    });
  return [value].flat().flatMap((each) => [`--${name}`, filled(String(each))]);
}

function isFinished(folder: string): boolean {
  return existsSync(join(folder, 'run.json')) && RunFolder.read(folder).finishedAt !== undefined;
}

const program = fileURLToPath(new URL('../../bin/mos-train.mjs', import.meta.url));

function mosTrain(parameters: readonly string[]): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [program, ...parameters], { stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', fail);
    child.on('close', (status, signal) => {
      if (status === 0) return done();
      const why = signal ? `was ended by ${signal}` : `ended with status ${status}`;
      fail(new TrainingError('step', `the step "${parameters[0]}" ${why}; started again, the run goes on with it`));
    });
  });
}
