import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { TrainingError } from './errors.ts';

/**
 * Keeps other processes out of a folder: a file with the number of this one. What a killed process left is taken over.
 *
 * @throws {TrainingError} run-mismatch while the process that holds it is alive
 */
export function lock(path: string): void {
  const holder = existsSync(path) ? Number(readFileSync(path, 'utf8')) : undefined;
  if (holder === process.pid) return;
  if (holder !== undefined && isAlive(holder)) {
    throw new TrainingError('run-mismatch', `process ${holder} is at work here (if it is not, remove ${path})`);
  }
  rmSync(path, { force: true });
  // Of two processes that come here at once, the second fails: the file must not exist.
  writeFileSync(path, String(process.pid), { flag: 'wx' });
  process.once('exit', () => unlock(path));
}

/** Lets others in, if this process holds the lock. */
export function unlock(path: string): void {
  if (existsSync(path) && Number(readFileSync(path, 'utf8')) === process.pid) rmSync(path, { force: true });
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, but somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
