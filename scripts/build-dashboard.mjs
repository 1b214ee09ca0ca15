// Bundles the dashboard's page for running from the sources (build/dashboard); the package has its own in dist/.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf, root, run, runIfScript, stamp } from './lib.mjs';

const folder = join(root, 'build/dashboard');
const stampFile = join(root, 'build/dashboard.inputs');
const inputs = ['plugin', 'tsdown.config.ts', 'package-lock.json'];

/** Was the page bundled from the sources as they are now? */
export const dashboardIsFresh = () => existsSync(folder) && stamp.matches(stampFile, hashOf(inputs));

/** @param {(line: string) => void} [onLine] is given the output instead of the terminal */
export async function buildDashboard(onLine) {
  const hash = hashOf(inputs);
  mkdirSync(join(root, 'build'), { recursive: true });
  // Built beside and moved into place: who reads meanwhile sees the old page or the new one.
  const scratch = mkdtempSync(join(root, 'build/dashboard-'));
  try {
    const tsdown = join(root, 'node_modules/tsdown/dist/run.mjs');
    const page = join(scratch, 'page');
    const quiet = ['--log-level', 'warn'];
    await run(process.execPath, [tsdown, '--filter', 'dashboard', '--out-dir', page, ...quiet], { onLine });
    rmSync(folder, { recursive: true, force: true });
    renameSync(page, folder);
    stamp.write(stampFile, hash);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

await runIfScript(import.meta.url, () => buildDashboard());
