import type { ScorerStats } from '../../src/index.ts';

/** What scorer processes count from their start, in the units of Prometheus. */
export interface ProcessSums {
  cpuSeconds: number;
  scoringSeconds: number;
  windows: number;
  kernelDrops: number;
  queueDrops: number;
  unknownSource: number;
  malformed: number;
  streamFaults: number;
}

const zero: ProcessSums = {
  cpuSeconds: 0,
  scoringSeconds: 0,
  windows: 0,
  kernelDrops: 0,
  queueDrops: 0,
  unknownSource: 0,
  malformed: 0,
  streamFaults: 0,
};

/**
 * Adds up what the processes of a scorer count, so that the sums never go back: a process that was restarted counts from
 * 0 again. What one counted between the last look and its end is not known.
 */
export class ProcessCounters {
  #last = new Map<number, ProcessSums>();

  /** What was counted since the last look. */
  take({ processes }: Pick<ScorerStats, 'processes'>): ProcessSums {
    const before = this.#last;
    this.#last = new Map();
    const total = { ...zero };
    for (const { pid, counters } of processes) {
      if (pid === undefined || counters === undefined) continue;
      const now: ProcessSums = {
        cpuSeconds: counters.cpuMs / 1000,
        scoringSeconds: counters.scoringMs / 1000,
        windows: counters.windowsScored,
        kernelDrops: counters.engine.kernelDrops,
        queueDrops: counters.engine.queueDrops,
        unknownSource: counters.engine.packetsUnknownSource,
        malformed: counters.engine.packetsMalformed,
        streamFaults: counters.streamFaults,
      };
      const then = before.get(pid) ?? zero;
      for (const name of Object.keys(zero) as (keyof ProcessSums)[]) total[name] += now[name] - then[name];
      this.#last.set(pid, now);
    }
    return total;
  }
}
