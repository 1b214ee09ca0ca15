export interface RtpPacketOptions {
  payloadType: number;
  sequenceNumber: number;
  timestamp: number;
  ssrc: number;
  payload: Uint8Array;
}

/** An RTP packet (RFC 3550 §5.1) without CSRCs and extensions; numbers wrap by themselves. */
export function rtpPacket({ payloadType, sequenceNumber, timestamp, ssrc, payload }: RtpPacketOptions): Uint8Array {
  const packet = new Uint8Array(12 + payload.length);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x80);
  view.setUint8(1, payloadType);
  view.setUint16(2, sequenceNumber & 0xffff);
  view.setUint32(4, timestamp >>> 0);
  view.setUint32(8, ssrc);
  packet.set(payload, 12);
  return packet;
}
