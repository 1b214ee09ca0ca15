// What a package holds beside the sources' own files: dist/ and the addon for this platform. npm runs it before it packs
// (`npm pack --ignore-scripts=false`, since this repository's .npmrc turns scripts off).
import { join } from 'node:path';
import { root, run, runIfScript, step } from './lib.mjs';
import { prebuild } from './prebuild.mjs';

async function prepack() {
  await step('dist: building', (say) =>
    run(join(root, 'node_modules/.bin/tsdown'), ['--log-level', 'warn'], { onLine: say }),
  );
  await prebuild();
}

await runIfScript(import.meta.url, prepack);
