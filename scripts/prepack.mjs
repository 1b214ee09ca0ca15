// What a package holds beside the sources' own files: dist/, the addon for this platform and the runtime of the networks.
// npm runs it before it packs.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run, runIfScript, step } from './lib.mjs';
import { prebuild } from './prebuild.mjs';
import { vendorRuntime } from './vendor-runtime.mjs';

/**
 * For platforms without a prebuilt addon, in a folder of its own: in the package's root folder, package managers would take
 * it for a package that is compiled when it is installed.
 */
function writeBuildFile() {
  const text = readFileSync(join(root, 'binding.gyp'), 'utf8');
  const here = text
    .replace("readdirSync('native', ", "readdirSync('../native', ")
    .replace("map((f) => 'native/' + f)", "map((f) => '../native/' + f)")
    .replace('"include_dirs": ["native"]', '"include_dirs": ["../native"]');
  mkdirSync(join(root, 'addon'), { recursive: true });
  writeFileSync(join(root, 'addon/binding.gyp'), here);
}

export async function prepack() {
  await step('dist: building', (say) =>
    run(join(root, 'node_modules/.bin/tsdown'), ['--log-level', 'warn'], { onLine: say }),
  );
  await prebuild();
  vendorRuntime();
  writeBuildFile();
}

await runIfScript(import.meta.url, prepack);
