/** What RTCP receiver reports leave in a server's statistics. */
export interface ReportTraces {
  /** Undefined = none was measured. */
  readonly roundTripMs: number | undefined;
  readonly packetsLost: number;
  readonly fractionLost: number;
}

/** A listener reports every 5 s at least (RFC 3550 clause 6.2): so long without a change, and it no longer does. */
const silentMs = 20_000;

/**
 * Whether a listener sends receiver reports. A server that keeps no time of them leaves only their traces: without any, none
 * came; a round trip, measured to 15 us, that stays the same means that none came since. Time is an argument, ms.
 */
export class ReportWatch {
  #traces: ReportTraces | undefined;
  #changedMs = 0;

  isAlive(traces: ReportTraces, nowMs: number): boolean {
    const { roundTripMs, packetsLost, fractionLost } = traces;
    if (roundTripMs === undefined && packetsLost === 0 && fractionLost === 0) return false;
    const known = this.#traces;
    const isSame =
      known?.roundTripMs === roundTripMs && known?.packetsLost === packetsLost && known.fractionLost === fractionLost;
    if (!isSame) this.#changedMs = nowMs;
    this.#traces = traces;
    return nowMs - this.#changedMs < silentMs;
  }
}
