import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { scratchFolder } from './support/scratch.ts';

const scratch = scratchFolder();
const wheels = join(import.meta.dirname, '../scripts/wheels.mjs');

/** What a download prints, and the message of its error, where PATH is `path`. */
function download(path: string) {
  const program = `
    const { wheelFolder } = await import(${JSON.stringify(wheels)});
    await wheelFolder({ name: 'thing', version: '1', members: '.' }).catch(({ message }) => console.error(message));
  `;
  const env = { PATH: path, MOS_TRAINING_CACHE: join(scratch, 'cache') };
  return spawnSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8', env });
}

describe('wheelFolder', () => {
  it('names Python where it is missing, and what it is for', () => {
    const { stderr } = download('/nowhere');
    assert.equal(stderr.trim(), 'python3 is needed to download thing==1: not found in PATH');
  });

  it('shows what pip printed when it fails, and only then', () => {
    writeFileSync(join(scratch, 'python3'), '#!/bin/sh\necho printed by pip\nexit 1\n');
    chmodSync(join(scratch, 'python3'), 0o755);
    const { stdout, stderr } = download(scratch);
    assert.doesNotMatch(stdout, /printed by pip/);
    assert.match(stderr, /exited with 1\nprinted by pip/);
  });
});
