// npm runs it where the package is installed from git, to make of a clone what is packed; and after `npm install` in the
// repository itself, where it does nothing: scripts/setup.mjs brings what is missing there.
import { realpathSync } from 'node:fs';
import { relative } from 'node:path';
import { root, runIfScript } from './lib.mjs';

const startedIn = process.env.INIT_CWD ?? process.cwd();

async function prepare() {
  const inside = !relative(realpathSync(root), realpathSync(startedIn)).startsWith('..');
  if (inside) return;
  const { prepack } = await import('./prepack.mjs');
  await prepack();
}

await runIfScript(import.meta.url, prepare);
