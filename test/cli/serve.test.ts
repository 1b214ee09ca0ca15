import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, cpSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { allowAll, attachMosNamespace, type MosEvent, type MosScoreEvent, mosEvent } from '../../plugin/index.ts';
import { type RunningCli, runCli, startCli } from '../support/cli.ts';
import { clipPath } from '../support/clips.ts';
import { startFeedServer } from '../support/feed-server.ts';
import { randomModel } from '../support/models.ts';
import { SimulatedCall } from '../support/simulated-call.ts';
import { until } from '../support/waiting.ts';

interface Served {
  readonly cli: RunningCli;
  readonly udp: number;
  readonly url: string;
}

/** Starts a scorer on free ports. */
async function serve(...options: string[]): Promise<Served> {
  const cli = startCli(['serve', '--port', '0', '--http-port', '0', ...options]);
  const [, udp] = await cli.says(/127\.0\.0\.1:(\d+)\n/);
  const [, url] = await cli.says(/(http:\/\/127\.0\.0\.1:\d+)\/mos/);
  return { cli, udp: Number(udp), url: url as string };
}

/** Sends speech as ffmpeg's user would, again and again. */
const stream = (udp: number, codec: string, ...options: string[]): ChildProcess =>
  spawn(
    'ffmpeg',
    [
      ...['-v', 'error', '-re', '-stream_loop', '-1', '-i', clipPath('speech/woman-1'), '-c:a', codec, ...options],
      ...['-f', 'rtp', `rtp://127.0.0.1:${udp}`],
    ],
    { stdio: 'ignore' },
  );

/** Events that a process writes as JSON lines. */
const eventsOf = ({ output }: RunningCli): MosEvent[] =>
  output.stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

const end = async ({ cli }: Served) => {
  cli.child.kill('SIGINT');
  return cli.ended;
};

describe('mediasoup-mos serve', () => {
  describe('with RTP from ffmpeg', () => {
    const token = 'a-token';
    let served: Served;
    let ffmpeg: ChildProcess;
    let score: MosScoreEvent;

    before(async () => {
      served = await serve('--json', '--token', token, '--idle', '2');
      ffmpeg = stream(served.udp, 'libopus');
      await until('a score', () => eventsOf(served.cli).some(({ type }) => type === 'score'), 30_000);
      score = eventsOf(served.cli).find((event) => event.type === 'score') as MosScoreEvent;
    });
    after(async () => {
      ffmpeg.kill('SIGKILL');
      if (served.cli.child.exitCode === null) await end(served);
    });

    it('scores it, and writes events of the contract as JSON lines', () => {
      assert.ok(score.mosLqo > 3 && score.mosLqo <= 5, `${score.mosLqo}`);
      assert.equal(score.routerId, 'rtp');
      assert.match(score.producerId, new RegExp(`^${served.udp}/127\\.0\\.0\\.1:\\d+$`));
      for (const event of eventsOf(served.cli)) mosEvent.parse(event);
    });

    it('tells clients of socket.io that show the token, and no others', async () => {
      const refused = io(`${served.url}/mos`, { auth: { token: 'another' }, forceNew: true, reconnection: false });
      const [error] = await once(refused as never, 'connect_error');
      assert.equal(error.message, 'unauthenticated');
      refused.close();
      const client = io(`${served.url}/mos`, { auth: { token }, forceNew: true });
      const heard = once(client as never, 'score');
      client.emit('subscribe', { routerId: 'rtp' });
      const [event] = await heard;
      assert.equal(event.producerId, score.producerId);
      client.close();
    });

    it('is listened to by the command for it: events in lines, until Ctrl-C', async () => {
      const listening = startCli(['listen', served.url, '--token', token]);
      await listening.says(/score \d\.\d\d \(\d\.\d\d to \d\.\d\d\)/);
      listening.child.kill('SIGINT');
      assert.equal((await listening.ended).code, 0);
      const refused = await runCli(['listen', served.url]);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /^mediasoup-mos: http.*: unauthenticated/m);
    });

    it('has metrics for who shows the token, and health for all', async () => {
      assert.equal((await fetch(`${served.url}/metrics`)).status, 401);
      const metrics = await fetch(`${served.url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
      const text = await metrics.text();
      assert.match(text, /^mediasoup_mos_streams 1$/m);
      assert.ok(!text.includes(score.producerId));
      const ready = await fetch(`${served.url}/readyz`);
      assert.equal(((await ready.json()) as { status: string }).status, 'ready');
    });

    it('has a page, and events over plain WebSockets', async () => {
      const page = await fetch(`${served.url}/`);
      assert.match(await page.text(), /<mos-dashboard/);
      assert.equal((await fetch(`${served.url}/nothing`)).status, 404);
      const socket = new WebSocket(`${served.url.replace('http', 'ws')}/mos`);
      const say = (message: object) => socket.send(JSON.stringify(message));
      socket.on('open', () => say({ type: 'connect', auth: { token } }));
      const types: string[] = [];
      socket.on('message', (message) => {
        const { type } = JSON.parse(String(message));
        types.push(type);
        if (type === 'connected') say({ type: 'subscribe', subscription: { routerId: 'rtp' } });
      });
      await until('a score', () => types.includes('score'));
      socket.close();
      assert.deepEqual(types.slice(0, 3).sort(), ['connected', 'reply', 'snapshot']);
    });

    it('reports and closes a sender that fell silent, and takes it again', async () => {
      ffmpeg.kill('SIGKILL');
      const closed = () => eventsOf(served.cli).findIndex(({ type }) => type === 'producerclose');
      await until('it is closed', () => closed() > 0);
      const events = eventsOf(served.cli);
      const report = events[closed() - 1];
      assert.ok(report?.type === 'report' && report.final && report.scores > 0);
      ffmpeg = stream(served.udp, 'libopus');
      await until('a new sender', () => eventsOf(served.cli).at(-1)?.producerId !== score.producerId);
    });

    it('ends in order at Ctrl-C', async () => {
      const { code } = await end(served);
      assert.equal(code, 0);
    });
  });

  it('goes on when the reader of its events is gone', async () => {
    const served = await serve('--json', '--name', 'ada');
    const ffmpeg = stream(served.udp, 'libopus');
    try {
      await until('an event', () => eventsOf(served.cli).length > 0, 30_000);
      served.cli.child.stdout?.destroy();
      await served.cli.says(/events are not written to standard output any more: its reader is gone/);
      const client = io(`${served.url}/mos`, { forceNew: true });
      const heard = once(client as never, 'score');
      client.emit('subscribe', { participantId: 'ada' });
      const [{ participantId }] = await heard;
      client.close();
      assert.equal(participantId, 'ada');
      assert.match(await (await fetch(`${served.url}/metrics`)).text(), /^mediasoup_mos_unwritten_events_total [1-9]/m);
    } finally {
      ffmpeg.kill('SIGKILL');
    }
    const { code, stderr } = await end(served);
    assert.equal(code, 0);
    assert.equal(stderr.match(/not written to standard output any more/g)?.length, 1);
    assert.match(stderr, /events not written to standard output: \d+/);
  });

  it('goes on when the disk is full', { skip: !existsSync('/dev/full') }, async () => {
    const full = openSync('/dev/full', 'w');
    const cli = startCli(['serve', '--port', '0', '--http-port', '0', '--json'], {}, full);
    closeSync(full);
    const [, udp] = await cli.says(/127\.0\.0\.1:(\d+)\n/);
    const [, url] = await cli.says(/(http:\/\/127\.0\.0\.1:\d+)\/mos/);
    const ffmpeg = stream(Number(udp), 'libopus');
    try {
      await cli.says(/events are not written to standard output any more: ENOSPC/);
      const lost = async () =>
        Number(/^mediasoup_mos_unwritten_events_total (\d+)/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1]);
      await until('more are lost', async () => (await lost()) >= 2, 30_000);
    } finally {
      ffmpeg.kill('SIGKILL');
      cli.child.kill('SIGINT');
    }
    const { code, stderr } = await cli.ended;
    assert.equal(code, 0);
    assert.equal(stderr.match(/not written to standard output any more/g)?.length, 1);
  });

  it('scores G.711 too', async () => {
    const served = await serve('--json', '--codec', 'pcmu');
    const ffmpeg = stream(served.udp, 'pcm_mulaw', '-ar', '8000');
    try {
      await until('a score', () => eventsOf(served.cli).some(({ type }) => type === 'score'), 30_000);
    } finally {
      ffmpeg.kill('SIGKILL');
      await end(served);
    }
  });

  it('says so when another codec comes than it was told', async () => {
    const served = await serve('--json', '--codec', 'opus');
    const ffmpeg = stream(served.udp, 'pcm_mulaw', '-ar', '8000');
    const unsupported = (event: MosEvent) => event.type === 'noscore' && event.reason === 'unsupported-codec';
    try {
      await until('a reason', () => eventsOf(served.cli).some(unsupported), 30_000);
    } finally {
      ffmpeg.kill('SIGKILL');
      await end(served);
    }
  });

  it('takes nothing from whom it was not told to, and counts what it left out', async () => {
    const served = await serve('--json', '--ssrc', '1234');
    const other = await serve('--json', '--from', '10.0.0.0/8');
    const socket = createSocket('udp4');
    const noise = Array.from({ length: 50 }, (_, index) => Buffer.alloc(index * 3, index));
    for (const bytes of noise) socket.send(bytes, served.udp, '127.0.0.1');
    const senders = [stream(served.udp, 'libopus'), stream(other.udp, 'libopus')];
    await new Promise((resolve) => setTimeout(resolve, 3000));
    for (const sender of senders) sender.kill('SIGKILL');
    socket.close();
    const [{ stderr }] = await Promise.all([end(served), end(other)]);
    assert.match(stderr, /datagrams left out: \d+ not-rtp, \d+ other-ssrc/);
    assert.deepEqual([...eventsOf(served.cli), ...eventsOf(other.cli)], []);
  });

  it('takes a model whose files change, and keeps it when they change to what is none', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mediasoup-mos-serve-'));
    cpSync(dirname(randomModel), folder, { recursive: true });
    const path = join(folder, basename(randomModel));
    const manifest = readFileSync(path, 'utf8');
    const served = await serve('--json', '--model', path, '--watch-model');
    const ffmpeg = stream(served.udp, 'libopus');
    const scoredBy = (version: string) => () =>
      eventsOf(served.cli).some((event) => event.type === 'score' && event.model.version === version);
    try {
      await until('a score', scoredBy('0.0.1'), 30_000);
      writeFileSync(path, manifest.replace('"version": "0.0.1"', '"version": "0.0.2"'));
      await until('a score of the new model', scoredBy('0.0.2'), 30_000);
      writeFileSync(path, manifest.replace('"mels": 64', '"mels": 32'));
      await served.cli.says(/random-streaming 0\.0\.2 goes on: .*input\.mels: expected 64/);
    } finally {
      ffmpeg.kill('SIGKILL');
      await end(served);
      rmSync(folder, { recursive: true });
    }
    assert.match(served.cli.output.stderr, /from now on the model is random-streaming 0\.0\.2/);
  });

  it('wrong arguments are named', async () => {
    const cases = [
      [['--port', '70000'], 2, /must be a whole number from 0 to 65535/],
      [['--codec', 'mp3'], 2, /Allowed choices are opus, pcmu, pcma/],
      [['--from', 'everywhere'], 2, /must be an IP address, or a network/],
      [['--origin', 'https://calls.example/page'], 2, /must be an origin/],
      [['--path-prefix', 'quality'], 2, /must be a path/],
      [['--name', 'host=ada'], 2, /must be NAME, or SENDER=NAME/],
      [['--http-address', '0.0.0.0'], 2, /is open to others: give a --token/],
      [['--address', 'nowhere.example', '--port', '0', '--http-port', '0'], 1, /must be an IP address/],
      [['--model', 'unheard-of'], 1, /^mediasoup-mos: .*unheard-of/m],
    ] as const;
    await Promise.all(
      cases.map(async ([args, code, message]) => {
        const result = await runCli(['serve', ...args]);
        assert.match(result.stderr, message);
        assert.equal(result.code, code, args.join(' '));
      }),
    );
  });

  it('a port that is taken is named', async () => {
    const taken = createSocket('udp4');
    taken.bind(0, '127.0.0.1');
    await once(taken, 'listening');
    const { code, stderr } = await runCli(['serve', '--port', String(taken.address().port), '--http-port', '0']);
    taken.close();
    assert.equal(code, 1);
    assert.match(stderr, /EADDRINUSE/);
  });
});

describe('mediasoup-mos listen', () => {
  it('wrong arguments are named', async () => {
    const { code, stderr } = await runCli(['listen', 'not-an-address']);
    assert.equal(code, 2);
    assert.match(stderr, /not-an-address: not an http, https, ws or wss address/);
  });

  it('ends without a word when its reader is gone, as in `listen | head`', async () => {
    const call = await SimulatedCall.create(1);
    const server = await startFeedServer();
    const feed = attachMosNamespace({ io: server.io, observers: [call.observer], authorize: allowAll });
    try {
      const cli = startCli(['listen', server.url, '--router', call.router.id]);
      await until('subscribed', () => feed.namespace.adapter.rooms.has(`mos:routerId:${call.router.id}`), 30_000);
      cli.child.stdout?.destroy();
      call.start();
      const { code, stderr } = await cli.ended;
      assert.deepEqual([code, stderr], [0, '']);
    } finally {
      feed.close();
      await server.close();
      await call.close();
    }
  });

  it('goes on trying while nobody is there, until Ctrl-C', async () => {
    const cli = startCli(['listen', 'http://127.0.0.1:9']);
    await cli.says(/trying again/);
    cli.child.kill('SIGINT');
    assert.equal((await cli.ended).code, 0);
  });
});
