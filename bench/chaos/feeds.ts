import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import { MosClient } from '../../plugin/client/index.ts';
import { allowAll, attachMosNamespace, surviveOutages } from '../../plugin/index.ts';
import { listenLocally } from '../../test/support/listen-locally.ts';
import { RedisServer } from '../../test/support/redis-server.ts';
import { until } from '../../test/support/waiting.ts';
import { residentBytes } from '../cpu.ts';
import { Call } from './call.ts';
import { type Extent, type Finding, seconds } from './finding.ts';

/** A client that counts what it gets. */
function counting(port: number, routerId: string) {
  const client = new MosClient(`http://127.0.0.1:${port}/mos`, { transports: ['websocket'], forceNew: true });
  const counter = { client, scores: 0 };
  client.on('score', () => counter.scores++);
  return client.subscribe({ routerId }).then(() => counter);
}

/** A subscriber in a process of its own is stopped, then killed. */
export async function subscriber({ short }: Extent): Promise<Finding[]> {
  const call = await Call.start(short ? 3 : 10);
  const http = createServer();
  const io = new Server(http);
  const feed = attachMosNamespace({ io, observers: [call.observer], authorize: allowAll });
  const port = await listenLocally(http);
  const victim: ChildProcess = fork(new URL('../subscriber.ts', import.meta.url), { stdio: 'inherit' });
  victim.send({ port, routerId: call.router.id });
  await once(victim, 'message');
  const bystander = await counting(port, call.router.id);
  const rssBefore = residentBytes(process.pid);
  bystander.scores = 0;
  const stoppedMs = short ? 4000 : 15_000;
  call.forget();
  victim.kill('SIGSTOP');
  await sleep(stoppedMs);
  const [sent, got] = [call.scoreCount, bystander.scores];
  const grownMiB = (residentBytes(process.pid) - rssBefore) / 2 ** 20;
  victim.kill('SIGKILL');
  await until('its place is free', () => feed.namespace.sockets.size === 1, 60_000);
  bystander.client.close();
  feed.close();
  await io.close();
  await call.close();
  return [
    {
      fault: `subscriber: SIGSTOP for ${seconds(stoppedMs)}, then kill -9`,
      promise: 'the others get every score; memory is bounded; its place is free afterwards',
      seen: `another subscriber got ${got} of ${sent} scores; ${grownMiB.toFixed(0)} MiB more memory in this process; 1 member left of 2`,
      lost: 'what was meant for the one that was killed',
      kept: Math.abs(sent - got) <= 3 && grownMiB < 128,
    },
  ];
}

/** Redis is stopped, then killed and started again: two servers share it, the call is on one of them. */
export async function redis({ short }: Extent): Promise<Finding[]> {
  const server = await RedisServer.start();
  const call = await Call.start(2);
  const nodes = await Promise.all(
    [true, false].map(async (withCall) => {
      const client = createClient(server.clientOptions);
      client.on('error', () => {}); // an application logs it
      await client.connect();
      const http = createServer();
      const adapter = createAdapter(surviveOutages(client, { onReturn: () => feed.resync() }), { blockTimeInMs: 100 });
      const io = new Server(http, { adapter, connectionStateRecovery: {} });
      const feed = attachMosNamespace({
        io,
        authorize: allowAll,
        ...(withCall ? { observers: [call.observer] } : {}),
      });
      const counter = await counting(await listenLocally(http), call.router.id);
      return { client, io, feed, counter };
    }),
  );
  const [here, there] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
  await until('both get scores', () => here.counter.scores > 0 && there.counter.scores > 0);
  const outageMs = short ? 4000 : 10_000;
  const findings: Finding[] = [];
  for (const [fault, begin] of [
    ['Redis: SIGSTOP', async () => server.freeze()],
    ['Redis: kill -9, started again', () => server.kill().then(() => () => server.start())],
  ] as const) {
    const end = await begin();
    await sleep(2500); // it is asked for 2 s before it counts as away
    here.counter.scores = 0;
    call.forget();
    await sleep(outageMs);
    const [sent, got] = [call.scoreCount, here.counter.scores];
    there.counter.scores = 0;
    await end();
    const backMs = performance.now();
    await until('the other server gets scores again', () => there.counter.scores > 0, 30_000);
    findings.push({
      fault: `${fault} (away for ${seconds(outageMs + 2500)})`,
      promise: 'subscribers of the server that has the call get every score; those of others get them again afterwards',
      seen: `${sent} scores during the outage, ${got} received there; on the other server again after ${seconds(performance.now() - backMs)}`,
      lost: 'scores for the other server during the outage',
      // What was held back while Redis was asked comes on top.
      kept: sent > 0 && got >= sent - 2,
    });
  }
  for (const { client, io, feed, counter } of nodes) {
    counter.client.close();
    feed.close();
    await io.close();
    client.destroy();
  }
  await call.close();
  await server.close();
  return findings;
}
