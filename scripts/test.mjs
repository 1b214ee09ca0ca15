// The whole test run, stage by stage; the first that fails ends it:
//   npm test [-- STAGE ...]
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fuzzBriefly } from './fuzz.mjs';
import { filesBelow, root, run, runIfScript, UserError } from './lib.mjs';
import { runNativeTests } from './native-tests.mjs';
import { setUp } from './setup.mjs';

const bin = (name) => join(root, 'node_modules/.bin', name);
const fuzzSeconds = 20;
const typeScriptTestsTimeoutMs = 30 * 60_000;
const tapFile = 'build/test.tap';

/** The root's settings cover what is published; the tests and the examples, which know the browser too, have their own. */
async function typecheck() {
  const folders = [
    '.',
    'plugin/dashboard/web',
    'test',
    ...readdirSync(join(root, 'examples')).map((name) => join('examples', name)),
  ];
  for (const folder of folders.filter((name) => existsSync(join(root, name, 'tsconfig.json')))) {
    await run(bin('tsc'), ['--noEmit', '-p', folder]);
  }
}

const sources = ['src', 'plugin', 'cli', 'examples', 'bench', 'scripts', 'test', 'training'];

/** Style; who imports whom (.dependency-cruiser.mjs); what is exported, listed or present without use (knip.json). */
async function lint() {
  await run(bin('biome'), ['check', '--error-on-warnings', '.']);
  await run(bin('depcruise'), ['--output-type', 'err-long', ...sources]);
  await run(bin('knip'), ['--no-progress']);
}

/** The reference of what is exported can be written, and nothing in its comments leads nowhere. */
const checkReference = () =>
  run(bin('typedoc'), ['--emit', 'none', '--disableSources', '--treatWarningsAsErrors', '--logLevel', 'Warn']);

async function checkPackage() {
  await run(bin('tsdown'), ['--log-level', 'warn']);
  await run(bin('publint'), ['--strict']);
  await run(bin('attw'), ['--pack', '.', '--profile', 'node16', '--exclude-entrypoints', './models/*']);
  await run(bin('publint'), ['--strict', 'plugin/client']);
  await run(bin('attw'), ['--pack', 'plugin/client']);
}

async function typeScriptTests() {
  const files = filesBelow(join(root, 'test'))
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => relative(root, file));
  if (files.length === 0) throw new UserError('test has no *.test.ts files');
  rmSync(join(root, tapFile), { force: true });
  const reporters = ['spec', 'stdout', 'tap', tapFile].map((value, index) =>
    index % 2 === 0 ? `--test-reporter=${value}` : `--test-reporter-destination=${value}`,
  );
  await run(process.execPath, ['--import', 'tsx', '--test', ...reporters, ...files], {
    timeoutMs: typeScriptTestsTimeoutMs,
  });
}

const stages = {
  'set-up': () => setUp('test'),
  types: typecheck,
  lint,
  'native-tests': runNativeTests,
  fuzz: () => fuzzBriefly(fuzzSeconds),
  reference: checkReference,
  package: checkPackage,
  training: () => run(process.execPath, ['training/scripts/test.mjs']),
  chaos: () => run(process.execPath, ['--import', 'tsx', 'bench/chaos/main.ts', '--short'], { timeoutMs: 300_000 }),
  tests: typeScriptTests,
};

/** node:test's own closing lines, if it came that far. */
function testCounts() {
  if (!existsSync(join(root, tapFile))) return [];
  const lines = readFileSync(join(root, tapFile), 'utf8').split('\n');
  return lines.filter((line) => /^# [a-z_]+ [\d.]+$/.test(line));
}

async function main() {
  const chosen = process.argv.slice(2);
  const unknown = chosen.find((name) => !(name in stages));
  if (unknown !== undefined) throw new UserError(`${unknown}: the stages are ${Object.keys(stages).join(', ')}`);
  const summary = ['', '=== summary'];
  for (const [name, stage] of Object.entries(stages)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    console.log(`\n=== ${name}`);
    const startMs = performance.now();
    const note = (result) => {
      summary.push(`${result.padEnd(6)} ${name.padEnd(14)} ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
      if (name === 'tests') summary.push(...testCounts());
    };
    try {
      await stage();
      note('ok');
    } catch (error) {
      console.error(error instanceof UserError ? error.message : error);
      note('FAILED');
      process.exitCode = 1;
      break;
    }
  }
  console.log(summary.join('\n'));
}

await runIfScript(import.meta.url, main);
