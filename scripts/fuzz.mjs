// Builds and runs the libFuzzer targets test/fuzz/*.cpp on the seeds in test/fuzz/corpus/NAME:
//   npm run fuzz -- [--seconds N | --runs N] [TARGET ...]
// N counts for each target; the default is 60 seconds. Inputs found are kept in build/fuzz/corpus/NAME; one that makes a
// target fail is written to build/fuzz/NAME-* and named.
import { existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { filesBelow, root, run, runIfScript, UserError } from './lib.mjs';
import { makeSanitized } from './native-tests.mjs';

const targets = () =>
  filesBelow(join(root, 'test/fuzz'))
    .filter((file) => file.endsWith('.cpp'))
    .map((file) => basename(file, '.cpp'));

/**
 * @param {object} options
 * @param {string[]} [options.names] targets; default: all
 * @param {string} [options.limit] libFuzzer's flag that ends a run
 * @param {boolean} [options.brief] only the figures of each run instead of its whole log
 */
async function fuzz({ names, limit, brief = false }) {
  const all = targets();
  if (all.length === 0) throw new UserError('test/fuzz has no targets');
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new UserError(`${unknown}: the fuzz targets are ${all.join(', ')}`);
  await makeSanitized('fuzz');
  for (const name of names.length > 0 ? names : all) {
    const found = join(root, 'build/fuzz/corpus', name);
    const seeds = join(root, 'test/fuzz/corpus', name);
    mkdirSync(found, { recursive: true });
    const log = [];
    const arguments_ = [
      limit,
      '-timeout=10',
      '-print_final_stats=1',
      `-artifact_prefix=build/fuzz/${name}-`,
      found,
      ...(existsSync(seeds) ? [seeds] : []),
    ];
    await run(`build/sanitized/fuzz/${name}`, arguments_, brief ? { onLine: (line) => log.push(line) } : {});
    if (brief) console.log(`${name}: ${log.filter((line) => /^Done|executed_units|peak_rss/.test(line)).join(', ')}`);
  }
}

/** A short run over all targets, for every test run. */
export const fuzzBriefly = (totalSeconds) =>
  fuzz({
    names: [],
    limit: `-max_total_time=${Math.max(1, Math.round(totalSeconds / targets().length))}`,
    brief: true,
  });

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seconds: { type: 'string' }, runs: { type: 'string' } },
  });
  const limit = values.runs ? `-runs=${values.runs}` : `-max_total_time=${values.seconds ?? 60}`;
  await fuzz({ names: positionals, limit });
}

await runIfScript(import.meta.url, main);
