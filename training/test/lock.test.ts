import assert from 'node:assert/strict';
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lock, unlock } from '../src/run/lock.ts';
import { scratchFolder } from './support/scratch.ts';

const scratch = scratchFolder();

/** A lock as a process that is gone left it. */
function staleLock(name: string): string {
  const path = join(scratch, name);
  writeFileSync(path, String(ended));
  return path;
}

const { pid: ended } = spawnSync(process.execPath, ['--version']);

describe('lock', () => {
  it('is taken over from a process that is gone, and leaves nothing behind', () => {
    const path = staleLock('one');
    lock(path);
    assert.equal(readFileSync(path, 'utf8'), String(process.pid));
    unlock(path);
    assert.ok(!existsSync(path) && !existsSync(`${path}.takeover`) && !existsSync(`${path}.${process.pid}`));
  });

  it('keeps out of a takeover that another process is at', () => {
    const path = staleLock('guarded');
    writeFileSync(`${path}.takeover`, String(process.ppid));
    assert.throws(() => lock(path), { code: 'run-mismatch', message: new RegExp(`${process.ppid} took .*takeover`) });
    assert.equal(readFileSync(path, 'utf8'), String(ended), 'the stale lock is left to that process');
  });

  it('of processes that come to a stale lock at once, at most one gets it', { timeout: 60_000 }, async () => {
    const paths = Array.from({ length: 500 }, (_, index) => staleLock(`many-${index}`));
    const children = Array.from({ length: 3 }, () =>
      fork(join(import.meta.dirname, 'support/lock-child.ts'), { execArgv: ['--import', 'tsx'] }),
    );
    await Promise.all(children.map((child) => once(child, 'spawn')));
    const answers = children.map((child) => once(child, 'message') as Promise<[string[]]>);
    const atMs = Date.now() + 2000;
    for (const child of children) child.send({ paths, atMs });
    const taken = (await Promise.all(answers)).flatMap(([own]) => own);
    for (const child of children) child.kill();
    assert.ok(taken.length > 0);
    assert.equal(new Set(taken).size, taken.length, 'a lock that two processes hold');
  });
});
