// Sees to it that mediasoup finds a worker that runs here: the one in place, else one from the cache, else the official
// prebuilt one, else one built from the npm package's sources.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { hashOf, root, run, step } from '../lib.mjs';
import { buildWorker } from './build.mjs';

const mediasoupFolder = join(root, 'node_modules/mediasoup');
/** Where mediasoup looks by default. */
const workerFile = join(mediasoupFolder, 'worker/out/Release/mediasoup-worker');
const prebuiltTimeoutMs = 90_000;

/** Without a parent the worker ends at once with status 41: it was loaded with all its libraries. */
const runs = (file) => existsSync(file) && spawnSync(file, { env: {}, timeout: 10_000 }).status === 41;

const sha256 = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');

/** Copies so that the target is never seen half written. */
function copyExecutable(source, target) {
  mkdirSync(dirname(target), { recursive: true });
  const part = `${target}.${process.pid}.part`;
  copyFileSync(source, part);
  renameSync(part, target);
}

function distribution() {
  if (!existsSync('/etc/os-release')) return platform();
  const field = (name) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  return `${field('ID')}${field('VERSION_ID') ?? ''}`;
}

/** The cached worker for this mediasoup, distribution, processor and build recipe. */
function cacheEntry() {
  const { version } = JSON.parse(readFileSync(join(mediasoupFolder, 'package.json'), 'utf8'));
  const recipe = hashOf(['scripts/mediasoup-worker/build.mjs', 'scripts/mediasoup-worker/include']);
  const folder = join(
    process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
    'mediasoup-mos',
    `worker-${version}-${distribution()}-${process.arch}-${recipe}`,
  );
  const file = join(folder, 'mediasoup-worker');
  const sumFile = `${file}.sha256`;
  return {
    file,
    /** Puts the cached worker in place; false when there is none that is whole and runs. */
    restore() {
      if (!existsSync(file)) return false;
      if (!existsSync(sumFile) || readFileSync(sumFile, 'utf8') !== sha256(file)) {
        console.log(`mediasoup worker: the cached ${file} is damaged and is made anew`);
        return false;
      }
      copyExecutable(file, workerFile);
      return runs(workerFile);
    },
    /** Keeps the worker in place for later; a cache that cannot be written is only mentioned. */
    store() {
      try {
        copyExecutable(workerFile, file);
        writeFileSync(sumFile, sha256(file));
      } catch (error) {
        console.log(`mediasoup worker: not cached (${error.message})`);
      }
    },
  };
}

/** Tries mediasoup's own download. Its fallback, a build with further downloads, is kept from starting by PYTHON. */
async function downloadPrebuilt() {
  const env = { ...process.env, PYTHON: 'false' };
  try {
    await step('mediasoup worker: asking for the official prebuilt one', (say) =>
      run(process.execPath, ['npm-scripts.mjs', 'postinstall'], {
        cwd: mediasoupFolder,
        env,
        onLine: say,
        timeoutMs: prebuiltTimeoutMs,
      }),
    );
  } catch (error) {
    const reasons = stripVTControlCharacters(error.message).match(/^.*downloadPrebuiltWorker\(\) \| (fail|no ).*$/gm);
    console.log(`mediasoup worker: the official prebuilt one cannot be had: ${reasons?.join('; ') ?? error.message}`);
  }
  return runs(workerFile);
}

/**
 * Finds a worker without building one.
 *
 * @returns {Promise<boolean>} is there a worker that runs?
 */
export async function findWorker() {
  if (process.env.MEDIASOUP_WORKER_BIN) return true;
  if (runs(workerFile)) return true;
  rmSync(workerFile, { force: true });
  const cache = cacheEntry();
  if (cache.restore()) {
    console.log(`mediasoup worker: taken from ${cache.file}`);
    return true;
  }
  if (!(await downloadPrebuilt())) return false;
  cache.store();
  return true;
}

/** Builds the worker, puts it in place and into the cache. */
export async function makeWorker() {
  const buildFolder = join(root, 'build/mediasoup-worker');
  await step('mediasoup worker: building it from source (a few minutes)', async (say) => {
    copyExecutable(await buildWorker(mediasoupFolder, buildFolder, say), workerFile);
  });
  if (!runs(workerFile)) throw new Error(`${workerFile}: built, but it does not run here`);
  cacheEntry().store();
  rmSync(buildFolder, { recursive: true });
}
