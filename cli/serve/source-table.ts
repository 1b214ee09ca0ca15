/** Datagrams in, senders out: tells who sends RTP to a port that anybody may send to. */

export interface SourceLimits {
  /** Senders at a time. */
  readonly maxSources: number;
  /** A sender that is silent for so long is gone, ms. */
  readonly idleMs: number;
  /** The only SSRCs that are taken; undefined = any. */
  readonly ssrcs?: ReadonlySet<number> | undefined;
}

/** What becomes of a datagram. `key` names its sender. */
export type Verdict =
  | { readonly kind: 'known' | 'new'; readonly key: string }
  /** Not yet: it may be the beginning of a stream. */
  | { readonly kind: 'probation' }
  | { readonly kind: 'dropped'; readonly why: DropReason };

export const dropReasons = ['not-rtp', 'other-ssrc', 'unknown-source', 'too-many-sources'] as const;
export type DropReason = (typeof dropReasons)[number];

interface Candidate {
  readonly ssrc: number;
  nextSequenceNumber: number;
  inRow: number;
  seenMs: number;
}

/** A sender is believed after so many packets in a row of one SSRC (RFC 3550 A.1 asks for 2). */
const packetsInARow = 3;
/** Who does not send so many in this time begins anew, ms. */
const probationMs = 2000;
/** Addresses that are on probation at a time; then the oldest makes way. */
const maxCandidates = 1000;

const rtpHeaderBytes = 12;
const isRtcp = (packet: Uint8Array) => (packet[1] as number) >= 192 && (packet[1] as number) <= 223; // RFC 5761

/**
 * Knows senders by address and port: the SSRC of a sender that is known may change, which the stream notices. Stray and
 * forged datagrams make no streams, and no amount of them more memory. Has no clock: every call takes the time, ms.
 */
export class SourceTable {
  readonly #limits: SourceLimits;
  /** When each was heard last. */
  readonly #sources = new Map<string, number>();
  readonly #candidates = new Map<string, Candidate>();

  constructor(limits: SourceLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#sources.size;
  }

  /** `key`: of the sender's address and port. */
  look(key: string, packet: Uint8Array, nowMs: number): Verdict {
    if (packet.length < 8 || (packet[0] as number) >> 6 !== 2) return { kind: 'dropped', why: 'not-rtp' };
    const known = this.#sources.has(key);
    if (isRtcp(packet)) return known ? { kind: 'known', key } : { kind: 'dropped', why: 'unknown-source' };
    if (packet.length < rtpHeaderBytes) return { kind: 'dropped', why: 'not-rtp' };
    const view = new DataView(packet.buffer, packet.byteOffset);
    const [sequenceNumber, ssrc] = [view.getUint16(2), view.getUint32(8)];
    if (this.#limits.ssrcs?.has(ssrc) === false) return { kind: 'dropped', why: 'other-ssrc' };
    if (known) {
      this.#sources.set(key, nowMs);
      return { kind: 'known', key };
    }
    return this.#probe(key, ssrc, sequenceNumber, nowMs);
  }

  /** Forgets a sender. */
  delete(key: string): void {
    this.#sources.delete(key);
  }

  /** Forgets the senders that fell silent, and names them. */
  expire(nowMs: number): string[] {
    const silent = [...this.#sources].filter(([, seenMs]) => nowMs - seenMs >= this.#limits.idleMs);
    for (const [key] of silent) this.#sources.delete(key);
    return silent.map(([key]) => key);
  }

  #probe(key: string, ssrc: number, sequenceNumber: number, nowMs: number): Verdict {
    const candidate = this.#candidates.get(key);
    const goesOn =
      candidate?.ssrc === ssrc &&
      candidate.nextSequenceNumber === sequenceNumber &&
      nowMs - candidate.seenMs < probationMs;
    const inRow = goesOn ? candidate.inRow + 1 : 1;
    this.#candidates.delete(key);
    if (inRow < packetsInARow) {
      this.#candidates.set(key, { ssrc, nextSequenceNumber: (sequenceNumber + 1) & 0xffff, inRow, seenMs: nowMs });
      const [oldest] = this.#candidates.keys();
      if (this.#candidates.size > maxCandidates) this.#candidates.delete(oldest as string);
      return { kind: 'probation' };
    }
    if (this.#sources.size >= this.#limits.maxSources) return { kind: 'dropped', why: 'too-many-sources' };
    this.#sources.set(key, nowMs);
    return { kind: 'new', key };
  }
}
