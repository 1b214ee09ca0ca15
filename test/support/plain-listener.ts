import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { types } from 'mediasoup';

export interface PlainListenerOptions {
  router: types.Router;
  producerId: string;
  appData?: types.AppData;
  /** Which packets are lost on their way to it, by their number from 0. */
  loses?: (index: number) => boolean;
  /** Delay of the way, there and back, as its reports state it. */
  roundTripMs?: number;
  /** Whether it sends receiver reports. */
  reports?: boolean;
}

export interface PlainListener {
  readonly consumer: types.Consumer;
  readonly transport: types.PlainTransport;
  close(): Promise<void>;
}

/** Receives a producer over a PlainTransport, and sends RTCP receiver reports (RFC 3550 §6.4.2) of what it got. */
export async function createPlainListener(options: PlainListenerOptions): Promise<PlainListener> {
  const { router, producerId, appData = {}, loses = () => false, roundTripMs = 0, reports = true } = options;
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const transport = await router.createPlainTransport({ listenInfo: { protocol: 'udp', ip: '127.0.0.1' }, appData });
  await transport.connect({ ip: '127.0.0.1', port: socket.address().port });
  const { rtpCapabilities } = router;
  let received = 0;
  let lost = 0;
  let highest = 0;
  let before = { received: 0, lost: 0 };
  let senderReport: { lsr: number; atMs: number } | undefined;
  socket.on('message', (packet) => {
    const type = packet[1] as number;
    if (type === 200) {
      senderReport = { lsr: packet.readUInt32BE(10), atMs: performance.now() };
    } else if (type < 192 || type > 223) {
      highest = packet.readUInt16BE(2);
      if (loses(received + lost)) lost++;
      else received++;
    }
  });
  const consumer = await transport.consume({ producerId, rtpCapabilities, enableRtx: false });
  const ssrc = consumer.rtpParameters.encodings?.[0]?.ssrc as number;
  const report = () => {
    const expected = received + lost - before.received - before.lost;
    const fraction = expected === 0 ? 0 : Math.min(255, Math.floor((256 * (lost - before.lost)) / expected));
    before = { received, lost };
    const rtcp = Buffer.alloc(32);
    rtcp.writeUInt8(0x81, 0);
    rtcp.writeUInt8(201, 1);
    rtcp.writeUInt16BE(7, 2);
    rtcp.writeUInt32BE(1, 4);
    rtcp.writeUInt32BE(ssrc, 8);
    rtcp.writeUInt8(fraction, 12);
    rtcp.writeUIntBE(lost, 13, 3);
    rtcp.writeUInt32BE(highest, 16);
    if (senderReport !== undefined) {
      const sinceMs = performance.now() - senderReport.atMs - roundTripMs;
      if (sinceMs <= 0) return; // it would not have been back yet
      rtcp.writeUInt32BE(senderReport.lsr, 24);
      rtcp.writeUInt32BE(Math.round((sinceMs * 65_536) / 1000), 28);
    }
    socket.send(rtcp, transport.tuple.localPort, '127.0.0.1');
  };
  const timer = reports ? setInterval(report, 200) : undefined;
  return {
    consumer,
    transport,
    async close() {
      clearInterval(timer);
      transport.close();
      socket.close();
      await once(socket, 'close');
    },
  };
}
