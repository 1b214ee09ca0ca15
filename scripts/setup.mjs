// Brings everything that running or testing needs, and is quick when all is there:
//   node scripts/setup.mjs [start|test]
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildDashboard, dashboardIsFresh } from './build-dashboard.mjs';
import { addonIsFresh, buildAddon } from './build-native.mjs';
import { root, run, runIfScript, step, UserError } from './lib.mjs';
import { findWorker, makeWorker } from './mediasoup-worker/provide.mjs';
import { providePackages, toBuildTheAddon, toBuildTheWorker, toTest } from './system-packages.mjs';

const profiles = ['start', 'test'];
const oldestNode = 20;

function checkNode() {
  const major = Number.parseInt(process.versions.node, 10);
  if (major < oldestNode) throw new UserError(`Node ${oldestNode} or newer is needed; this is ${process.version}.`);
  if (process.platform !== 'linux') throw new UserError(`Linux is needed; this is ${process.platform}.`);
}

/** Does node_modules hold what the lockfile says? npm notes what it installed in a lockfile of its own there. */
function modulesMatchLockfile() {
  const installedFile = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installedFile)) return false;
  const packagesIn = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;
  const installed = packagesIn(installedFile);
  return Object.entries(packagesIn(join(root, 'package-lock.json'))).every(([path, wanted]) => {
    if (!path.startsWith('node_modules/')) return true;
    const found = installed[path];
    if (found === undefined) return wanted.optional === true;
    return found.version === wanted.version && found.integrity === wanted.integrity && existsSync(join(root, path));
  });
}

/**
 * @param {'start' | 'test'} profile
 * @throws {UserError} with what to do about it
 */
export async function setUp(profile) {
  if (!profiles.includes(profile)) throw new UserError(`"${profile}": the profile is one of ${profiles.join(', ')}`);
  checkNode();
  if (!modulesMatchLockfile()) {
    await step('npm packages: installing', (say) => run('npm', ['ci', '--ignore-scripts'], { onLine: say }));
  }
  const workerFound = await findWorker();
  const addonFresh = addonIsFresh();
  await providePackages({
    ...(workerFound ? {} : toBuildTheWorker),
    ...(addonFresh ? {} : toBuildTheAddon),
    ...(profile === 'test' ? toTest : {}),
  });
  if (!dashboardIsFresh()) await step('dashboard: bundling', buildDashboard);
  if (!addonFresh) await step('native addon: building', buildAddon);
  if (!workerFound) await makeWorker();
}

await runIfScript(import.meta.url, () => setUp(process.argv[2] ?? 'start'));
