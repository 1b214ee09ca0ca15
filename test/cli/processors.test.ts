import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { describe, it } from 'node:test';
import { usableProcessors } from '../../cli/score/processors.ts';

const files = (known: Record<string, string>) => (path: string) => {
  const text = known[path];
  if (text === undefined) throw new Error(`ENOENT: ${path}`);
  return text;
};

describe('processors of a container', () => {
  it('are those of its quota', () => {
    assert.equal(usableProcessors(files({ '/sys/fs/cgroup/cpu.max': '100000 100000\n' })), 1);
    assert.equal(usableProcessors(files({ '/sys/fs/cgroup/cpu.max': '20000 100000\n' })), 1);
    const v1 = {
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '100000\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    };
    assert.equal(usableProcessors(files(v1)), 1);
  });

  it('are those of the host without a quota, or with a larger one', () => {
    for (const known of [
      {},
      { '/sys/fs/cgroup/cpu.max': 'max 100000\n' },
      { '/sys/fs/cgroup/cpu.max': '99900000 100000\n' },
    ]) {
      assert.equal(usableProcessors(files(known as Record<string, string>)), availableParallelism());
    }
  });
});
