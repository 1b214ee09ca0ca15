import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { TrainingError } from './errors.ts';

/**
 * Keeps other processes out of a folder: a file with the number of this one. What a killed process left is taken over.
 *
 * @throws {TrainingError} run-mismatch while the process that holds it is alive, or another one takes it at this moment
 */
export function lock(path: string): void {
  const holder = holderOf(path);
  if (holder === process.pid) return;
  if (holder !== undefined && isAlive(holder)) {
    throw new TrainingError('run-mismatch', `process ${holder} is at work here (if it is not, remove ${path})`);
  }
  if (holder !== undefined) removeStale(path);
  take(path);
  process.once('exit', () => unlock(path));
}

/** Lets others in, if this process holds the lock. */
export function unlock(path: string): void {
  if (holderOf(path) === process.pid) rmSync(path, { force: true });
}

/** One process at a time removes a stale lock, and looks again before: what it removes cannot be a new one. */
function removeStale(path: string): void {
  const guard = `${path}.takeover`;
  take(guard);
  try {
    const holder = holderOf(path);
    if (holder !== undefined && !isAlive(holder)) rmSync(path, { force: true });
  } finally {
    rmSync(guard, { force: true });
  }
}

/** Creates the file with its content in one step. Of processes that come at once, all but one fail. */
function take(path: string): void {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    const message = `process ${holderOf(path)} took ${path} at this moment (if it is not at work, remove that file)`;
    throw new TrainingError('run-mismatch', message, { cause });
  } finally {
    rmSync(own, { force: true });
  }
}

function holderOf(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, but of another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
