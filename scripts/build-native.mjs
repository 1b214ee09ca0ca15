// Builds the addon build/Release/mediasoup_mos.node from native/ (incremental; warnings are errors).
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { hashOf, root, run, runIfScript, stamp } from './lib.mjs';

const addonFile = join(root, 'build/Release/mediasoup_mos.node');
const stampFile = join(root, 'build/mediasoup_mos.inputs');

const inputsHash = () =>
  hashOf(
    ['native', 'binding.gyp', 'scripts/build-native.mjs', 'node_modules/node-addon-api/package.json'],
    [process.version, process.arch, process.versions.modules, process.execPath, root],
  );

/** Was the addon built from the sources as they are now, for this Node? */
export const addonIsFresh = () => existsSync(addonFile) && stamp.matches(stampFile, inputsHash());

/**
 * Where this Node keeps its C headers: the prefix it is installed in, when that has include/node.
 * Without them node-gyp fetches the headers of this Node version itself.
 */
export function headerArguments() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

/** @param {(line: string) => void} [onLine] is given the output instead of the terminal */
export async function buildAddon(onLine) {
  const hash = inputsHash();
  const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  const headers = headerArguments();
  if (headers.length === 0) console.log(`no C headers beside ${process.execPath}: node-gyp downloads them`);
  mkdirSync(join(root, 'build'), { recursive: true });
  // flock: two builds at once in one folder would spoil each other's objects.
  const gyp = (...args) =>
    run('flock', ['build/lock', process.execPath, nodeGyp, '--loglevel=warn', ...args], { onLine });
  await gyp('configure', ...headers, '--', '-Dwerror=1');
  await gyp('build', `--jobs=${availableParallelism()}`);
  stamp.write(stampFile, hash);
}

await runIfScript(import.meta.url, () => buildAddon());
