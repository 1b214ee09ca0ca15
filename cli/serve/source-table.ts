/** Datagrams in, senders out: finds who sends RTP to a port that is open to all. */

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
  /** Distinct numbers, none further than `reach` from another. */
  readonly sequenceNumbers: number[];
  /** Packets that the address's stream had sent when this one began. */
  readonly othersSent: number;
  seenMs: number;
}

interface Source {
  readonly address: Address;
  /** Time of the newest packet, ms. */
  seenMs: number;
}

/** The streams of an address and port. */
interface Address {
  readonly key: string;
  /** SSRC to key. */
  readonly streams: Map<number, string>;
  sent: number;
}

/** A stream is taken after so many packets (RFC 3550 A.1 asks for 2) ... */
const packetsInARow = 3;
/** ... whose sequence numbers are this close: copies and swapped neighbours are no reason to start over. */
const reach = 3;
/** One that does not send so many in this time starts over, ms. */
const probationMs = 2000;
/** Streams that are on probation at a time; then the oldest makes way. */
const maxCandidates = 1000;

const rtpHeaderBytes = 12;
const isRtcp = (packet: Uint8Array) => (packet[1] as number) >= 192 && (packet[1] as number) <= 223; // RFC 5761
const distance = (a: number, b: number) => Math.min((a - b) & 0xffff, (b - a) & 0xffff);

/**
 * Knows streams by address, port and SSRC. When another SSRC takes over an address, its stream goes on, which notices the
 * change; an SSRC that sends while the one before goes on is a stream of its own, with the key `KEY#SSRC`, or `KEY#SSRC#2` and
 * so on where that is taken. Stray and forged datagrams make no streams, and no amount of them more memory. Has no clock: every
 * call takes the time, ms.
 */
export class SourceTable {
  readonly #limits: SourceLimits;
  /** By key. */
  readonly #sources = new Map<string, Source>();
  /** By the key of an address and port. */
  readonly #addresses = new Map<string, Address>();
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
    const address = this.#addresses.get(key);
    const view = new DataView(packet.buffer, packet.byteOffset);
    if (isRtcp(packet)) {
      if (address === undefined) return { kind: 'dropped', why: 'unknown-source' };
      return { kind: 'known', key: address.streams.get(view.getUint32(4)) ?? firstOf(address) };
    }
    if (packet.length < rtpHeaderBytes) return { kind: 'dropped', why: 'not-rtp' };
    const [sequenceNumber, ssrc] = [view.getUint16(2), view.getUint32(8)];
    if (this.#limits.ssrcs?.has(ssrc) === false) return { kind: 'dropped', why: 'other-ssrc' };
    const known = address?.streams.get(ssrc);
    if (address === undefined || known === undefined) return this.#probe(key, address, ssrc, sequenceNumber, nowMs);
    address.sent++;
    (this.#sources.get(known) as Source).seenMs = nowMs;
    return { kind: 'known', key: known };
  }

  /** Forgets a stream. */
  delete(key: string): void {
    const address = this.#sources.get(key)?.address;
    if (address === undefined) return;
    this.#sources.delete(key);
    for (const [ssrc, each] of address.streams) if (each === key) address.streams.delete(ssrc);
    if (address.streams.size === 0) this.#addresses.delete(address.key);
  }

  /** Forgets the streams that fell silent, and names them. */
  expire(nowMs: number): string[] {
    const silent = [...this.#sources].filter(([, { seenMs }]) => nowMs - seenMs >= this.#limits.idleMs);
    for (const [key] of silent) this.delete(key);
    return silent.map(([key]) => key);
  }

  #probe(key: string, address: Address | undefined, ssrc: number, sequenceNumber: number, nowMs: number): Verdict {
    const candidate = this.#candidateOf(`${key}#${ssrc}`, address?.sent ?? 0, sequenceNumber, nowMs);
    if (candidate.sequenceNumbers.length < packetsInARow) {
      return address === undefined ? { kind: 'probation' } : { kind: 'known', key: firstOf(address) };
    }
    this.#candidates.delete(`${key}#${ssrc}`);
    if (address !== undefined && address.streams.size === 1 && address.sent === candidate.othersSent) {
      const stream = firstOf(address);
      address.streams.clear();
      address.streams.set(ssrc, stream);
      (this.#sources.get(stream) as Source).seenMs = nowMs;
      return { kind: 'known', key: stream };
    }
    if (this.#sources.size >= this.#limits.maxSources) return { kind: 'dropped', why: 'too-many-sources' };
    const stream = this.#freeKey(key, ssrc);
    const own = address ?? { key, streams: new Map<number, string>(), sent: 1 };
    own.streams.set(ssrc, stream);
    this.#addresses.set(key, own);
    this.#sources.set(stream, { address: own, seenMs: nowMs });
    return { kind: 'new', key: stream };
  }

  #freeKey(key: string, ssrc: number): string {
    const own = `${key}#${ssrc}`;
    let free = this.#sources.has(key) ? own : key;
    for (let count = 2; this.#sources.has(free); count++) free = `${own}#${count}`;
    return free;
  }

  #candidateOf(name: string, sent: number, sequenceNumber: number, nowMs: number): Candidate {
    const known = this.#candidates.get(name);
    const goesOn =
      known !== undefined &&
      nowMs - known.seenMs < probationMs &&
      known.sequenceNumbers.every((each) => distance(each, sequenceNumber) <= reach);
    const candidate = goesOn ? known : { sequenceNumbers: [], othersSent: sent, seenMs: nowMs };
    candidate.seenMs = nowMs;
    if (!candidate.sequenceNumbers.includes(sequenceNumber)) candidate.sequenceNumbers.push(sequenceNumber);
    this.#candidates.delete(name);
    this.#candidates.set(name, candidate);
    const [oldest] = this.#candidates.keys();
    if (this.#candidates.size > maxCandidates) this.#candidates.delete(oldest as string);
    return candidate;
  }
}

const firstOf = ({ streams }: Address): string => streams.values().next().value as string;
