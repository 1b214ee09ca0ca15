/**
 * A process that sends many Opus streams to one UDP port, each 50 packets a second, evenly staggered.
 * Started by `server.ts` with an IPC channel: gets one `SenderOrder`, answers `sending`, runs until killed.
 */
import { createSocket, type Socket } from 'node:dgram';

export interface SenderOrder {
  readonly port: number;
  readonly payloadType: number;
  readonly ssrcs: readonly number[];
  /** Encoded clips, 20 ms packets, base64; stream i starts somewhere in clip i. */
  readonly clips: readonly (readonly string[])[];
  /** Every stream comes from a port of its own. Default: all from one. */
  readonly socketEach?: boolean;
}

const packetMs = 20;
const rtpTicksPerPacket = 960;
const slots = 10;
const headerBytes = 12;

async function connectTo(port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  await new Promise<void>((resolve) => socket.connect(port, '127.0.0.1', resolve));
  socket.setSendBufferSize(4 << 20);
  return socket;
}

async function send({ port, payloadType, ssrcs, clips, socketEach = false }: SenderOrder): Promise<void> {
  const sockets = await Promise.all((socketEach ? ssrcs : [0]).map(() => connectTo(port)));
  const decoded = clips.map((clip) => clip.map((packet) => Buffer.from(packet, 'base64')));
  const streams = ssrcs.map((ssrc, i) => {
    const packets = decoded[i % decoded.length] ?? [];
    return {
      ssrc,
      packets,
      next: (i * 37) % packets.length,
      sequenceNumber: (i * 977) & 0xffff,
      rtpTimestamp: i * 7919,
    };
  });

  const start = performance.now();
  let slot = 0;
  setInterval(() => {
    const due = (performance.now() - start) / (packetMs / slots);
    for (; slot < due; slot++) {
      for (let i = slot % slots; i < streams.length; i += slots) {
        const stream = streams[i];
        const payload = stream?.packets[stream.next];
        if (stream === undefined || payload === undefined) continue;
        const packet = Buffer.allocUnsafe(headerBytes + payload.length);
        packet[0] = 0x80;
        packet[1] = payloadType;
        packet.writeUInt16BE(stream.sequenceNumber, 2);
        packet.writeUInt32BE(stream.rtpTimestamp, 4);
        packet.writeUInt32BE(stream.ssrc, 8);
        payload.copy(packet, headerBytes);
        sockets[i % sockets.length]?.send(packet);
        stream.next = (stream.next + 1) % stream.packets.length;
        stream.sequenceNumber = (stream.sequenceNumber + 1) & 0xffff;
        stream.rtpTimestamp = (stream.rtpTimestamp + rtpTicksPerPacket) >>> 0;
      }
    }
  }, 1);
  process.send?.('sending');
}

process.once('message', (order) => void send(order as SenderOrder));
process.once('disconnect', () => process.exit());
