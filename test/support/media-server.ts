import { randomInt } from 'node:crypto';
import { createWorker, type types } from 'mediasoup';
import { RtpSender } from './rtp-sender.ts';

/** Audio codecs of the test routers; ids of payload types are mediasoup's own. */
export const mediaCodecs: types.RouterRtpCodecCapability[] = [
  { kind: 'audio', mimeType: 'audio/opus', clockRate: 48000, channels: 2 },
  { kind: 'audio', mimeType: 'audio/PCMU', clockRate: 8000 },
  { kind: 'video', mimeType: 'video/VP8', clockRate: 90000 },
];

export const startWorker = (): Promise<types.Worker> => createWorker({ logLevel: 'warn' });

export const createRouter = (worker: types.Worker): Promise<types.Router> => worker.createRouter({ mediaCodecs });

/** A participant made of a PlainTransport, an audio producer and a sender of RTP. */
export interface Talker {
  readonly transport: types.PlainTransport;
  readonly producer: types.Producer;
  readonly sender: RtpSender;
  close(): Promise<void>;
}

/**
 * Produces Opus audio on the router; `sender.start()` makes it heard.
 *
 * @param payloads - Opus packets of 20 ms, repeated
 */
export async function createTalker(
  router: types.Router,
  payloads: readonly Uint8Array[],
  appData: types.AppData = {},
): Promise<Talker> {
  const transport = await router.createPlainTransport({
    listenInfo: { protocol: 'udp', ip: '127.0.0.1' },
    comedia: true,
  });
  const ssrc = randomInt(1, 2 ** 32);
  const producer = await transport.produce({ ...opusProducer(ssrc), appData });
  const sender = await RtpSender.create({ port: transport.tuple.localPort, ssrc, payloadType: 100, payloads });
  return {
    transport,
    producer,
    sender,
    async close() {
      transport.close();
      await sender.close();
    },
  };
}

/** Options of an audio producer that nobody sends to yet. */
export function opusProducer(ssrc: number): types.ProducerOptions {
  return {
    kind: 'audio',
    rtpParameters: {
      codecs: [
        { mimeType: 'audio/opus', payloadType: 100, clockRate: 48000, channels: 2, parameters: { useinbandfec: 1 } },
      ],
      encodings: [{ ssrc }],
    },
  };
}

export function vp8Producer(ssrc: number): types.ProducerOptions {
  return {
    kind: 'video',
    rtpParameters: {
      codecs: [{ mimeType: 'video/VP8', payloadType: 101, clockRate: 90000 }],
      encodings: [{ ssrc }],
    },
  };
}
