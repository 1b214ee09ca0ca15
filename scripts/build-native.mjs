// Builds the addon build/Release/mediasoup_mos.node from native/ (incremental; warnings are errors).
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { run, runIfScript } from './lib.mjs';

/**
 * Where this Node keeps its C headers: the prefix it is installed in, when that has include/node.
 * Without them node-gyp fetches the headers of this Node version itself.
 */
function headerArguments() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

export async function buildNative() {
  const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  const headers = headerArguments();
  if (headers.length === 0) console.log(`no C headers beside ${process.execPath}: node-gyp downloads them`);
  await run(process.execPath, [nodeGyp, 'configure', ...headers, '--loglevel=warn', '--', '-Dwerror=1']);
  await run(process.execPath, [nodeGyp, 'build', `--jobs=${availableParallelism()}`, '--loglevel=warn']);
}

await runIfScript(import.meta.url, buildNative);
