/**
 * A media server as users run it: mediasoup worker, one router, a MosObserver that adds every producer, and
 * the socket.io namespace with one subscriber in another process's place. Started by `main.ts` with an IPC
 * channel: gets a `ServerOrder`, answers a `ServerResult`.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createWorker } from 'mediasoup';
import { Server } from 'socket.io';
import { allowAll, attachMosNamespace, createMosObserver } from '../plugin/index.ts';
import { listenLocally } from '../test/support/listen-locally.ts';
import { childrenOf, cpuMs, mainThreadCpuMs, quantile, residentBytes } from './cpu.ts';
import { firstSsrc, payloadType, type ServerOrder, type ServerResult, warmUpSeconds } from './order.ts';
import type { SenderOrder } from './sender.ts';

async function measure({ streams, seconds, model, clips }: ServerOrder): Promise<ServerResult> {
  const worker = await createWorker({ logLevel: 'error' });
  const opus = { kind: 'audio', mimeType: 'audio/opus', clockRate: 48000, channels: 2 } as const;
  const router = await worker.createRouter({ mediaCodecs: [{ ...opus, preferredPayloadType: payloadType }] });
  const observer = await createMosObserver({ router, model, autoAdd: true, maxStreams: Math.max(streams, 1) });

  const http = createServer();
  const port = await listenLocally(http);
  const namespace = attachMosNamespace({ io: new Server(http), observers: [observer], authorize: allowAll });
  const subscriber = fork(new URL('./subscriber.ts', import.meta.url), { stdio: 'inherit' });
  subscriber.send({ port, routerId: router.id });
  await once(subscriber, 'message');

  const scorerPid = childrenOf(process.pid).find((pid) => pid !== worker.pid && pid !== subscriber.pid);
  if (scorerPid === undefined) throw new Error('no scorer process');

  const transport = await router.createPlainTransport({
    listenInfo: { protocol: 'udp', ip: '127.0.0.1', recvBufferSize: 4 << 20 },
    comedia: true,
    rtcpMux: true,
  });
  const ssrcs = Array.from({ length: streams }, (_, i) => firstSsrc + i);
  for (const ssrc of ssrcs) {
    await transport.produce({
      kind: 'audio',
      rtpParameters: {
        codecs: [{ mimeType: opus.mimeType, clockRate: opus.clockRate, channels: opus.channels, payloadType }],
        encodings: [{ ssrc }],
      },
    });
  }
  const sender = fork(new URL('./sender.ts', import.meta.url), { stdio: 'inherit' });
  sender.send({ port: transport.tuple.localPort, payloadType, ssrcs, clips } satisfies SenderOrder);
  await once(sender, 'message');
  await sleep(warmUpSeconds * 1000);

  const latencies: number[] = [];
  const noScores: Record<string, number> = {};
  observer.on('score', ({ windowEnd }) => latencies.push(Date.now() - windowEnd));
  observer.on('noscore', ({ reason }) => {
    noScores[reason] = (noScores[reason] ?? 0) + 1;
  });
  const start = { at: performance.now(), scorer: cpuMs(scorerPid), main: mainThreadCpuMs(process.pid) };
  await sleep(seconds * 1000);
  const spanMs = performance.now() - start.at;
  const scorerMs = cpuMs(scorerPid) - start.scorer;
  const mainMs = mainThreadCpuMs(process.pid) - start.main;

  const scores = latencies.length;
  const stats = await observer.scorer.getStats();
  const result: ServerResult = {
    streams,
    scorerCpuMsPerStreamSecond: scorerMs / streams / (spanMs / 1000),
    mainThreadCore: mainMs / spanMs,
    scoresPerStreamSecond: scores / streams / (spanMs / 1000),
    noScores,
    residentBytes: residentBytes(scorerPid),
    latencyMs: { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) },
    packetsOverload: stats.processes.reduce(
      (n, { counters }) => n + (counters?.engine.kernelDrops ?? 0) + (counters?.engine.queueDrops ?? 0),
      0,
    ),
    bytesPerStream: stats.bytesPerStream,
    decoderBytesPerStream: stats.decoderBytesPerStream,
  };
  for (const child of [sender, subscriber]) child.kill();
  namespace.close();
  http.close();
  observer.close();
  await observer.scorer.close();
  worker.close();
  return result;
}

process.once('message', async (order: ServerOrder) => {
  const result = await measure(order);
  process.send?.(result, () => process.disconnect());
});
