import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Processors that this process may use, at least 1: those of the host, or the CPU quota of its container (cgroup v2 or v1). */
export function usableProcessors(read: (path: string) => string = (path) => readFileSync(path, 'utf8')): number {
  const quotas = [
    quotaOf(() => read('/sys/fs/cgroup/cpu.max')),
    quotaOf(() => `${read('/sys/fs/cgroup/cpu/cpu.cfs_quota_us')} ${read('/sys/fs/cgroup/cpu/cpu.cfs_period_us')}`),
  ];
  return Math.max(1, Math.min(availableParallelism(), ...quotas));
}

/** Whole processors of "quota period", both in microseconds; infinite where there is no such limit. */
function quotaOf(text: () => string): number {
  try {
    const [quota, period] = text().trim().split(/\s+/).map(Number);
    return quota !== undefined && period !== undefined && quota > 0 && period > 0
      ? Math.max(1, Math.ceil(quota / period))
      : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
