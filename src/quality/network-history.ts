import type { AudioCodec } from '../engine/codecs.ts';
import type { NetworkQuality } from '../events.ts';
import { mosCqe } from './e-model.ts';

/** Cumulative counters of a stream, as the engine reports them. */
export interface NetworkCounters {
  packetsExpected: number;
  packetsLost: number;
  lossBursts: number;
  jitterMs: number;
}

/** Time that packets stand for and what became of it, cumulative, ms. */
export interface RepairCounters {
  concealedMs: number;
  silenceMs: number;
  fecRecoveredMs: number;
}

const fields = 6;

/** Of a stream of which nothing is known. */
export const unknownNetwork: NetworkQuality = {
  lossRatio: 0,
  burstRatio: 1,
  jitterMs: 0,
  mosCqe: mosCqe('opus', 0),
};

/** Loss over the last seconds, from cumulative counters: a fixed ring of snapshots, one every `stepMs`. */
export class NetworkHistory {
  readonly #stepMs: number;
  readonly #slots: number;
  /** [slot][time, expected, lost, bursts, not recovered ms, recovered ms] */
  readonly #ring: Float64Array;
  #count = 0;

  /** `spanMs`: how far back the loss is looked at, default 8 s; `stepMs`: resolution, default 1 s. */
  constructor({ spanMs = 8000, stepMs = 1000 }: { spanMs?: number; stepMs?: number } = {}) {
    this.#stepMs = stepMs;
    this.#slots = Math.ceil(spanMs / stepMs) + 1;
    this.#ring = new Float64Array(this.#slots * fields);
  }

  /** Notes the counters of a moment; moments closer than `stepMs` to the newest kept one are passed over. */
  add(
    nowMs: number,
    { packetsExpected, packetsLost, lossBursts }: NetworkCounters,
    repairs: () => RepairCounters,
  ): void {
    if (this.#count > 0 && nowMs - this.#at(this.#count - 1, 0) < this.#stepMs) return;
    const { concealedMs, silenceMs, fecRecoveredMs } = repairs();
    this.#ring.set(
      [nowMs, packetsExpected, packetsLost, lossBursts, concealedMs + silenceMs, fecRecoveredMs],
      (this.#count % this.#slots) * fields,
    );
    this.#count++;
  }

  /** From the oldest moment kept until now. */
  quality(now: NetworkCounters, repairs: RepairCounters, codec: AudioCodec): NetworkQuality {
    const oldest = Math.max(0, this.#count - this.#slots);
    const since = (field: number, value: number) => (this.#count === 0 ? value : value - this.#at(oldest, field));
    const expected = since(1, now.packetsExpected);
    const lost = Math.max(0, since(2, now.packetsLost));
    // Packets that come after they were given up move from one count to another, and a burst may have begun before.
    const lossRatio = expected > 0 ? Math.min(1, lost / expected) : 0;
    const bursts = Math.max(1, since(3, now.lossBursts));
    const burstRatio = burstRatioOf(lost / bursts, lossRatio);
    const missing = Math.max(0, since(4, repairs.concealedMs + repairs.silenceMs));
    const recovered = Math.max(0, since(5, repairs.fecRecoveredMs));
    const effectiveLossRatio = lossRatio * (recovered > 0 ? missing / (missing + recovered) : 1);
    return {
      lossRatio,
      effectiveLossRatio,
      burstRatio,
      jitterMs: now.jitterMs,
      mosCqe: mosCqe(codec, effectiveLossRatio),
    };
  }

  #at(index: number, field: number): number {
    return this.#ring[(index % this.#slots) * fields + field] as number;
  }
}

/**
 * BurstR of ITU-T G.107 §3.5: mean length of the loss bursts / mean length at the same loss at random, which is
 * 1 / (1 - loss ratio). 1 where nothing, or everything, is lost.
 */
export function burstRatioOf(meanBurst: number, lossRatio: number): number {
  return lossRatio <= 0 || lossRatio >= 1 ? 1 : meanBurst * (1 - lossRatio);
}
