import type { Random } from '../run/random.ts';

export interface RtpFields {
  payloadType: number;
  sequenceNumber: number;
  rtpTimestamp: number;
  ssrc: number;
}

/** An RTP packet with the fixed header only (RFC 3550 §5.1). */
export function rtpPacket(
  { payloadType, sequenceNumber, rtpTimestamp, ssrc }: RtpFields,
  payload: Uint8Array,
): Uint8Array {
  const packet = new Uint8Array(12 + payload.length);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x80); // version 2
  view.setUint8(1, payloadType);
  view.setUint16(2, sequenceNumber & 0xffff);
  view.setUint32(4, rtpTimestamp >>> 0);
  view.setUint32(8, ssrc >>> 0);
  packet.set(payload, 12);
  return packet;
}

/**
 * Which of `count` packets are lost: the two-state Markov model of E. N. Gilbert ("Capacity of a burst-noise channel",
 * 1960). `ratio`: mean share lost, 0 to 0.95. `burst`: mean length of a run of lost packets, 1 and more; at 1 the runs
 * are as short as the ratio lets them be.
 */
export function lostPackets(count: number, ratio: number, burst: number, random: Random): boolean[] {
  if (!(ratio >= 0 && ratio <= 0.95)) throw new RangeError(`loss ratio must be from 0 to 0.95: ${ratio}`);
  if (!(burst >= 1)) throw new RangeError(`loss burst must be at least 1: ${burst}`);
  const recover = Math.min(1 - ratio, 1 / burst);
  const fail = (ratio * recover) / (1 - ratio);
  let lost = random.chance(ratio);
  return Array.from({ length: count }, () => {
    const now = lost;
    lost = lost ? !random.chance(recover) : random.chance(fail);
    return now;
  });
}
