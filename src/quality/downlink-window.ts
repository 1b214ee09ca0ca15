/** Counters of a consumer at one moment, as a server has them: cumulative. */
export interface DownlinkCounters {
  readonly packetsSent: number;
  /** As the listener's newest RTCP receiver report states it; what was repaired is subtracted, so it may fall. */
  readonly packetsLost: number;
}

interface Moment extends DownlinkCounters {
  readonly timeMs: number;
}

/** Packets that a loss ratio is made of at least: with fewer, one report that is late would be read as loss. */
const leastPackets = 50;
/** Into so many parts the span is divided: moments closer than that replace the newest. */
const parts = 20;

/** Loss of one consumer over the last seconds, from cumulative counters at irregular times. Time is an argument, ms. */
export class DownlinkWindow {
  readonly #spanMs: number;
  #moments: Moment[] = [];

  /** @param spanMs - how far back it looks, ms; more where it was asked more rarely. Default 10 s: two reports at least */
  constructor(spanMs = 10_000) {
    this.#spanMs = spanMs;
  }

  add({ packetsSent, packetsLost }: DownlinkCounters, timeMs: number): void {
    const newest = this.#moments.at(-1);
    if (newest !== undefined && (packetsSent < newest.packetsSent || timeMs <= newest.timeMs)) this.#moments = [];
    const before = this.#moments.at(-2);
    if (before !== undefined && timeMs - before.timeMs < this.#spanMs / parts) this.#moments.pop();
    this.#moments.push({ packetsSent, packetsLost, timeMs });
    const isOld = (moment: Moment | undefined) => moment !== undefined && moment.timeMs <= timeMs - this.#spanMs;
    // One that is old enough stays: the window reaches back to it.
    while (isOld(this.#moments[1])) this.#moments.shift();
  }

  /** Packets lost / packets sent, 0 to 1; undefined while too few were sent. */
  get lossRatio(): number | undefined {
    const [oldest] = this.#moments;
    const newest = this.#moments.at(-1);
    if (oldest === undefined || newest === undefined) return undefined;
    const sent = newest.packetsSent - oldest.packetsSent;
    if (sent < leastPackets) return undefined;
    return Math.min(1, Math.max(0, (newest.packetsLost - oldest.packetsLost) / sent));
  }
}
