import assert from 'node:assert/strict';
import { execFile, fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ProcessDeath } from '../../src/host/process/scorer-process.ts';
import {
  Scorer,
  type ScorerEndpoint,
  type StreamEvent,
  type StreamNoScore,
  type StreamScore,
} from '../../src/index.ts';
import { readClip } from '../support/clips.ts';
import { opusPayloadType, opusPayloadTypes, story } from '../support/recorded-call.ts';
import { RtpSender } from '../support/rtp-sender.ts';
import { encode } from '../support/speech.ts';
import { nextEvent, until } from '../support/waiting.ts';

const payloads = encode(readClip('speech/man-1'));

interface Live {
  scorer: Scorer;
  sender: RtpSender;
  endpoint: ScorerEndpoint;
  events: StreamEvent[];
  pid: number;
}

/** A scorer with one stream that talks over UDP and has been scored. */
async function withLiveStream(options: { heartbeatTimeoutMs?: number }, act: (live: Live) => Promise<void>) {
  const scorer = await Scorer.create({ sockets: 1, ...options });
  const endpoint = scorer.reserveEndpoint();
  const sender = await RtpSender.create({ port: endpoint.port, ssrc: 7, payloadType: opusPayloadType, payloads });
  try {
    const stream = scorer.addStream({
      streamId: 'live',
      source: { endpoint, address: '127.0.0.1', port: sender.sourcePort, ssrc: 7 },
      payloadTypes: opusPayloadTypes,
    });
    const events: StreamEvent[] = [];
    stream.on('score', (event) => events.push(event));
    stream.on('noscore', (event) => events.push(event));
    sender.start();
    await nextEvent(stream, 'score');
    const pid = (await scorer.getStats()).processes[0]?.pid as number;
    await act({ scorer, sender, endpoint, events, pid });
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      events.map((_, index) => index),
    );
  } finally {
    await scorer.close();
    await sender.close();
  }
}

const reason = (wanted: string) => ({ fits: (event: StreamNoScore) => event.reason === wanted });

describe('a scorer process that dies', () => {
  it('is back within 3 s on the same port, and its streams go on by themselves', () =>
    withLiveStream({}, async ({ scorer, endpoint, events, pid }) => {
      const died = once(scorer, 'processdied');
      const told = nextEvent<StreamNoScore>(scorer, 'noscore', reason('scorer-restarting'));
      const restarted = once(scorer, 'processrestarted');
      let changes = 0;
      scorer.on('endpointschange', () => changes++);
      const killedMs = performance.now();
      process.kill(pid, 'SIGKILL');
      assert.deepEqual(await died, [{ pid, code: null, signal: 'SIGKILL', reason: 'exit' } satisfies ProcessDeath]);
      await told;
      await assert.rejects(scorer.getStream('live')?.getStats() as Promise<unknown>, /being restarted/);
      assert.deepEqual((await scorer.getStats()).processes[0]?.pid, undefined);
      const [{ pid: newPid, downMs }] = await restarted;
      const backMs = performance.now() - killedMs;
      assert.ok(backMs < 3000, `back after ${backMs} ms`);
      assert.ok(downMs <= backMs);
      assert.notEqual(newPid, pid);
      assert.equal(changes, 0);
      assert.equal((await scorer.getStats()).processes[0]?.sockets[0]?.port, endpoint.port);
      await nextEvent<StreamScore>(scorer, 'score');
      assert.deepEqual(story(events), ['too-short', 'score', 'scorer-restarting', 'too-short', 'score']);
    }));

  it('knows after its restart who was muted and who left meanwhile', () =>
    withLiveStream({}, async ({ scorer, pid }) => {
      const left = scorer.addStream({ streamId: 'leaves' });
      process.kill(pid, 'SIGKILL');
      await once(scorer, 'processdied');
      scorer.getStream('live')?.pause();
      left.close();
      scorer.addStream({ streamId: 'comes' });
      const muted = nextEvent<StreamNoScore>(scorer, 'noscore', reason('muted'));
      await once(scorer, 'processrestarted');
      assert.equal((await muted).streamId, 'live');
      const { processes } = await scorer.getStats();
      assert.equal(processes[0]?.counters?.streams, 2);
    }));

  it('says where to send to when its port was taken meanwhile', () =>
    withLiveStream({}, async ({ scorer, endpoint, sender, pid }) => {
      const thief = createSocket('udp4');
      const changed = once(scorer, 'endpointschange');
      process.kill(pid, 'SIGKILL');
      await once(scorer, 'processdied');
      thief.bind(endpoint.port, '127.0.0.1');
      await once(thief, 'listening');
      const [[{ from, to }]] = await changed;
      thief.close();
      assert.deepEqual(from, endpoint);
      assert.equal(to.id, endpoint.id);
      assert.notEqual(to.port, endpoint.port);
      assert.deepEqual(scorer.reserveEndpoint(), to);
      // Whoever sends follows; the stream is the same.
      sender.redirect(to.port);
      await nextEvent<StreamScore>(scorer, 'score');
    }));

  it('is started again and again, ever more slowly', async () => {
    const scorer = await Scorer.create({ sockets: 0, restartBackoffMs: { initial: 50, max: 400 } });
    try {
      for (let death = 0; death < 3; death++) {
        const restarted = once(scorer, 'processrestarted');
        process.kill((await scorer.getStats()).processes[0]?.pid as number, 'SIGKILL');
        const [{ downMs }] = await restarted;
        assert.ok(downMs >= 50 * 2 ** death, `death ${death}: down for ${downMs} ms`);
      }
    } finally {
      await scorer.close();
    }
  });

  it('names the cause when there are no descriptors, and is back once there are', async () => {
    const program = fileURLToPath(new URL('../../bench/chaos/descriptors.ts', import.meta.url));
    const withFew = ['-c', 'ulimit -n 128; exec "$0" --import tsx "$1"', process.execPath, program];
    const { stdout } = await promisify(execFile)('sh', withFew, { timeout: 60_000 });
    assert.match(stdout, /^processfailed after \d+ starts \(.*EMFILE.*\)$/m);
    assert.match(stdout, /^back .* after there were descriptors\nclosed$/m);
  });

  it('may be closed while it is down', async () => {
    const scorer = await Scorer.create({ sockets: 0 });
    process.kill((await scorer.getStats()).processes[0]?.pid as number, 'SIGKILL');
    await once(scorer, 'processdied');
    scorer.on('processrestarted', () => assert.fail('restarted after close'));
    await scorer.close();
    await new Promise((resolve) => setTimeout(resolve, 300));
  });
});

describe('a scorer process that hangs', () => {
  it('is killed and back within 3 s', () =>
    withLiveStream({ heartbeatTimeoutMs: 1000 }, async ({ scorer, events, pid }) => {
      const died = once(scorer, 'processdied');
      const restarted = once(scorer, 'processrestarted');
      const stoppedMs = performance.now();
      process.kill(pid, 'SIGSTOP');
      const [{ reason: why }] = await died;
      assert.equal(why, 'hang');
      assert.ok(performance.now() - stoppedMs >= 900);
      await restarted;
      const backMs = performance.now() - stoppedMs;
      assert.ok(backMs < 3000, `back after ${backMs} ms`);
      await nextEvent<StreamScore>(scorer, 'score');
      assert.deepEqual(story(events), ['too-short', 'score', 'scorer-restarting', 'too-short', 'score']);
    }));

  it('takes no unlimited memory here while it does not read', async () => {
    const scorer = await Scorer.create({ sockets: 0, heartbeatTimeoutMs: 60_000 });
    try {
      const stream = scorer.addStream({ streamId: 'fast' });
      process.kill((await scorer.getStats()).processes[0]?.pid as number, 'SIGSTOP');
      const second = new Float32Array(16_000);
      const before = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
      for (let index = 0; index < 2000; index++) {
        stream.pushPcm(second);
        if (index % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      const grown = process.memoryUsage().arrayBuffers + process.memoryUsage().external - before;
      // 128 MB were pushed; 4 MiB may wait, once as samples and once as a message.
      assert.ok(grown < 40e6, `${grown} bytes`);
    } finally {
      await scorer.close();
    }
  });
});

describe('a host that is too slow', () => {
  it('says overload, which is never a low score nor a loss of the participant', async () => {
    const scorer = await Scorer.create({ sockets: 1, heartbeatTimeoutMs: 20_000, receiveBufferBytes: 16_384 });
    const endpoint = scorer.reserveEndpoint();
    const sender = await RtpSender.create({ port: endpoint.port, ssrc: 7, payloadType: opusPayloadType, payloads });
    try {
      scorer.addStream({
        streamId: 'live',
        source: { endpoint, address: '127.0.0.1', port: sender.sourcePort, ssrc: 7 },
        payloadTypes: opusPayloadTypes,
      });
      sender.start();
      await nextEvent(scorer, 'score');
      const pid = (await scorer.getStats()).processes[0]?.pid as number;
      let scores = 0;
      scorer.on('score', () => scores++);
      const overload = once(scorer, 'overload');
      const told = nextEvent<StreamNoScore>(scorer, 'noscore', reason('overload'));
      // The kernel's buffer, which it doubles, is full after a second.
      process.kill(pid, 'SIGSTOP');
      await new Promise((resolve) => setTimeout(resolve, 2500));
      scores = 0;
      process.kill(pid, 'SIGCONT');
      const [{ kernelDrops, pid: slow }] = await overload;
      assert.equal(slow, pid);
      assert.ok(kernelDrops > 20, `${kernelDrops} drops`);
      const { network } = await told;
      assert.equal(network.lossRatio, 0);
      assert.ok(scores <= 1, `${scores} scores`);
      const stats = await scorer.getStream('live')?.getStats();
      assert.equal(stats?.packetsLost, 0);
      assert.ok((stats?.packetsOverload as number) > 20);
      await nextEvent(scorer, 'score', { timeoutMs: 30_000 });
    } finally {
      await scorer.close();
      await sender.close();
    }
  });
});

describe('a stream that the process refuses', () => {
  it('closes, and says why', async () => {
    const scorer = await Scorer.create({ sockets: 1 });
    try {
      const endpoint = scorer.reserveEndpoint();
      const add = (streamId: string, address: string) =>
        scorer.addStream({
          streamId,
          source: { endpoint, address, port: 5000, ssrc: 7 },
          payloadTypes: opusPayloadTypes,
        });
      add('first', '127.0.0.1');
      // The same address in other words.
      const second = add('second', '::ffff:127.0.0.1');
      const [cause] = await once(second, 'close');
      assert.ok(cause instanceof Error);
      assert.match(cause.message, /127\.0\.0\.1/);
      assert.equal(second.closed, true);
      assert.equal(scorer.getStream('second'), undefined);
      assert.equal((await scorer.getStats()).processes[0]?.counters?.streams, 1);
    } finally {
      await scorer.close();
    }
  });
});

describe('a scorer whose parent dies', () => {
  it('ends too', async () => {
    const parent = fork(fileURLToPath(new URL('../support/orphan.ts', import.meta.url)), {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const [line] = await once(parent.stdout as NodeJS.ReadableStream, 'data');
    const pid = Number(String(line));
    assert.match(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), /mediasoup-mos scorer/);
    parent.kill('SIGKILL');
    await until('the scorer process is gone', () => {
      try {
        process.kill(pid, 0);
        return false;
      } catch {
        return true;
      }
    });
  });
});
