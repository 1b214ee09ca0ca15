import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../../src/base/package-root.ts';

const script = fileURLToPath(new URL('terminations.mjs', import.meta.url));
const addon = join(packageRoot, 'build/Release/mediasoup_mos.node');

describe('worker threads', () => {
  it('end while native calls throw in them, hundreds of times, and the process goes on', () => {
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [script, addon, '400'], {
      encoding: 'utf8',
    });
    assert.deepEqual({ status, signal, ended: stdout.trim() }, { status: 0, signal: null, ended: '400' }, stderr);
  });
});
