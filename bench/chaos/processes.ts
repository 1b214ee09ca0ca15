import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { opusProducer } from '../../test/support/media-server.ts';
import { until } from '../../test/support/waiting.ts';
import { Call } from './call.ts';
import { type Extent, type Finding, seconds } from './finding.ts';

/** The scorer process is killed, and stopped. */
export async function scorerProcess({ short }: Extent): Promise<Finding[]> {
  const call = await Call.start(short ? 3 : 10, { heartbeatTimeoutMs: 1000 });
  const findings: Finding[] = [];
  for (const [signal, fault] of [
    ['SIGKILL', 'scorer: kill -9'],
    ['SIGSTOP', 'scorer: SIGSTOP'],
  ] as const) {
    const restarted = once(call.scorer, 'processrestarted');
    const atMs = performance.now();
    process.kill(await call.pid(), signal);
    await restarted;
    const backMs = performance.now() - atMs;
    await call.everybodyScored();
    const againMs = performance.now() - atMs;
    findings.push({
      fault,
      promise: 'back within 3 s; each of the talkers is scored again; no event is missing',
      seen: `back after ${seconds(backMs)}, all ${call.talkers.length} scored after ${seconds(againMs)}, ${call.holes} events missing`,
      lost: `scores of ${seconds(againMs)}`,
      kept: backMs < 3000 && call.holes === 0,
    });
  }
  await call.close();
  return findings;
}

/** The scorer process is killed again and again, until it counts as failed. */
export async function scorerThatKeepsDying({ short }: Extent): Promise<Finding[]> {
  const deaths = short ? 6 : 20;
  const call = await Call.start(2, { restartBackoffMs: { initial: 20, max: 200 } });
  const counts = { died: 0, failed: 0, recovered: 0 };
  let tapsOpen = 0;
  call.scorer.on('processdied', () => {
    counts.died++;
    const endpoint = { id: '0/0', address: '127.0.0.1', port: port as number };
    if (call.scorer.receives(endpoint)) tapsOpen++;
  });
  call.scorer.on('processfailed', () => counts.failed++);
  call.scorer.on('processrecovered', () => counts.recovered++);
  const port = (await call.scorer.getStats()).processes[0]?.sockets[0]?.port;
  for (let death = 0; death < deaths; death++) {
    const restarted = once(call.scorer, 'processrestarted');
    process.kill(await call.pid(), 'SIGKILL');
    await restarted;
  }
  await call.everybodyScored();
  await until('it has recovered', () => counts.recovered === 1, 20_000);
  await call.close();
  return [
    {
      fault: `scorer: kill -9, ${deaths} times in a row`,
      promise: 'said to have failed, once; tried on; recovers by itself; no port is taken as open while it is gone',
      seen: `${counts.died} deaths, processfailed ${counts.failed}, processrecovered ${counts.recovered}, ${tapsOpen} ports taken as open, ${call.holes} events missing`,
      lost: 'scores while it was down',
      kept:
        counts.died === deaths && counts.failed === 1 && counts.recovered === 1 && tapsOpen === 0 && call.holes === 0,
    },
  ];
}

/** The mediasoup worker is stopped for a while, then killed; a new one takes over with the same scorer. */
export async function worker({ short }: Extent): Promise<Finding[]> {
  const call = await Call.start(2);
  const scorerPid = await call.pid();
  call.forget();
  process.kill(call.worker.pid, 'SIGSTOP');
  const stoppedMs = short ? 3000 : 8000;
  await sleep(stoppedMs);
  const whileStopped = [...call.reasons.keys()];
  process.kill(call.worker.pid, 'SIGCONT');
  const againMs = await call.everybodyScored();
  const stopped: Finding = {
    fault: `worker: SIGSTOP for ${seconds(stoppedMs)}`,
    promise: 'a reason instead of scores of old audio; scored again when it goes on',
    seen: `reasons ${whileStopped.join(', ') || 'none'}; all scored ${seconds(againMs)} after SIGCONT; scorer ${(await call.pid()) === scorerPid ? 'not restarted' : 'restarted'}`,
    lost: `scores of ${seconds(stoppedMs + againMs)}`,
    kept: whileStopped.includes('gap') && (await call.pid()) === scorerPid && call.holes === 0,
  };
  const died = once(call.worker, 'died');
  const closed = new Promise((resolve) => call.observer.once('routerclose', () => resolve(undefined)));
  process.kill(call.worker.pid, 'SIGKILL');
  await died;
  await Promise.race([closed, sleep(2000)]);
  await until('the streams are gone', async () => (await call.scorer.getStats()).streams === 0);
  const observerClosed = call.observer.closed;
  await call.close({ keepScorer: true });
  const next = await Call.start(2, {}, call.scorer);
  const samePid = (await next.pid()) === scorerPid;
  await next.close();
  return [
    stopped,
    {
      fault: 'worker: kill -9',
      promise: 'the observer closes, its streams go; the same scorer serves the next worker',
      seen: `observer ${observerClosed ? 'closed' : 'open'}, 0 streams; a new worker's talkers are scored; scorer ${samePid ? 'not restarted' : 'restarted'}`,
      lost: 'the call of that worker',
      kept: observerClosed && samePid,
    },
  ];
}

/** Producers come and go as fast as a router makes them. */
export async function comingAndGoing({ short }: Extent): Promise<Finding[]> {
  const call = await Call.start(2);
  const pid = await call.pid();
  const producers = short ? 200 : 1000;
  const transport = await call.router.createDirectTransport();
  let errors = 0;
  call.observer.on('producererror', () => errors++);
  const startMs = performance.now();
  for (let done = 0; done < producers; done += 50) {
    const some = await Promise.all(
      Array.from({ length: 50 }, (_, index) => transport.produce(opusProducer(1_000_000 + done + index))),
    );
    // Half of them leave while they are still being added.
    if (done % 100 === 0) await sleep(20);
    for (const producer of some) producer.close();
  }
  const tookMs = performance.now() - startMs;
  let left = -1;
  await until('only the talkers are left', async () => {
    left = (await call.scorer.getStats()).streams;
    return left === 2;
  }).catch(() => {});
  await call.everybodyScored();
  const same = (await call.pid()) === pid;
  await call.close();
  return [
    {
      fault: `${producers} producers added and removed within ${seconds(tookMs)}`,
      promise: 'none is left over; those who stay are scored on; the scorer is not restarted',
      seen: `${left} streams left of 2, the talkers scored; producererror ${errors}; scorer ${same ? 'not restarted' : 'restarted'}`,
      lost: 'nothing',
      kept: left === 2 && same && errors === 0,
    },
  ];
}
