/** So many packets in a row of another SSRC are a new sender; fewer are strays (as the probation of RFC 3550 A.1). */
const packetsInARow = 3;

const rtpHeaderBytes = 12;
const ssrcAt = 8;

/** Follows the SSRC of RTP packets where it is not known beforehand which one to expect. */
export class PushedSsrc {
  #current: number | undefined;
  #candidate = 0;
  #count = 0;

  /** Undefined before the first packet. */
  get current(): number | undefined {
    return this.#current;
  }

  /** Looks at a packet; returns true when it is the first of its stream or completes the change to a new sender. */
  changedBy(packet: Uint8Array): boolean {
    // RTCP (RFC 5761 §4) and what is too short belong to no sender: they are for the engine to count.
    if (packet.length < rtpHeaderBytes || ((packet[1] as number) >= 192 && (packet[1] as number) <= 223)) return false;
    const ssrc = new DataView(packet.buffer, packet.byteOffset).getUint32(ssrcAt);
    if (ssrc === this.#current) {
      this.#count = 0;
      return false;
    }
    this.#count = ssrc === this.#candidate ? this.#count + 1 : 1;
    this.#candidate = ssrc;
    if (this.#current !== undefined && this.#count < packetsInARow) return false;
    this.#current = ssrc;
    this.#count = 0;
    return true;
  }
}
