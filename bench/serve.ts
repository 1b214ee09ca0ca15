/**
 * The command `serve` as users run it, fed by as many senders as streams, each with a socket of its own, and heard by one
 * subscriber over socket.io. Started by `main.ts` with an IPC channel: gets a `ServerOrder`, answers a `ServerResult`.
 */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MosClient } from '../plugin/client/index.ts';
import { childrenOf, cpuMs, mainThreadCpuMs, quantile, residentBytes } from './cpu.ts';
import { firstSsrc, payloadType, type ServerOrder, type ServerResult, warmUpSeconds } from './order.ts';
import type { SenderOrder } from './sender.ts';

const cli = fileURLToPath(new URL('../cli/main.ts', import.meta.url));

/** Sum of a metric that Prometheus would read. */
async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const values = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (.+)$`, 'gm'))].map(([, value]) => Number(value));
  if (values.length === 0) throw new Error(`/metrics has no ${name}`);
  return values.reduce((sum, value) => sum + value, 0);
}

/** Datagrams that the kernel dropped because the buffer of the socket at this port was full (proc(5), /proc/net/udp). */
function kernelDrops(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const line = readFileSync('/proc/net/udp', 'utf8')
    .split('\n')
    .find((each) => each.trim().split(/\s+/)[1]?.endsWith(`:${hex}`));
  if (line === undefined) throw new Error(`no socket at port ${port}`);
  return Number(line.trim().split(/\s+/).at(-1));
}

async function measure({ streams, seconds, model, clips }: ServerOrder): Promise<ServerResult> {
  const args = ['serve', '--port', '0', '--http-port', '0', '--max-streams', String(streams)];
  if (model !== undefined) args.push('--model', model);
  const serve = spawn(process.execPath, ['--import', 'tsx', cli, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let port = 0;
  let url = '';
  for await (const line of createInterface(serve.stderr)) {
    port = Number(/^RTP .*:(\d+)$/.exec(line)?.[1] ?? port);
    url = /events on (http.*)\/mos;/.exec(line)?.[1] ?? url;
    if (port > 0 && url !== '') break;
  }
  const pid = serve.pid as number;
  const [scorerPid] = childrenOf(pid);
  if (scorerPid === undefined) throw new Error('serve did not start');

  const latencies: number[] = [];
  const noScores: Record<string, number> = {};
  const client = new MosClient(`${url}/mos`);
  await client.subscribe({ routerId: 'rtp' });
  const ssrcs = Array.from({ length: streams }, (_, index) => firstSsrc + index);
  const sender = fork(new URL('./sender.ts', import.meta.url), { stdio: 'inherit' });
  sender.send({ port, payloadType, ssrcs, clips, socketEach: true } satisfies SenderOrder);
  await once(sender, 'message');
  await sleep(warmUpSeconds * 1000);

  client.on('score', ({ windowEnd }) => latencies.push(Date.now() - windowEnd));
  client.on('noscore', ({ reason }) => {
    noScores[reason] = (noScores[reason] ?? 0) + 1;
  });
  const start = { at: performance.now(), scorer: cpuMs(scorerPid), main: mainThreadCpuMs(pid) };
  await sleep(seconds * 1000);
  const spanMs = performance.now() - start.at;
  const scorerMs = cpuMs(scorerPid) - start.scorer;
  const mainMs = mainThreadCpuMs(pid) - start.main;

  const result: ServerResult = {
    streams,
    scorerCpuMsPerStreamSecond: scorerMs / streams / (spanMs / 1000),
    mainThreadCore: mainMs / spanMs,
    scoresPerStreamSecond: latencies.length / streams / (spanMs / 1000),
    noScores,
    residentBytes: residentBytes(scorerPid),
    latencyMs: { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) },
    packetsOverload: (await metric(url, 'mediasoup_mos_dropped_packets_total')) + kernelDrops(port),
  };
  client.close();
  sender.kill();
  serve.kill();
  await once(serve, 'exit');
  return result;
}

process.once('message', async (order: ServerOrder) => {
  const result = await measure(order);
  process.send?.(result, () => process.disconnect());
});
