import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { resolveScorerOptions } from '../../src/host/scorer-options.ts';
import {
  InvalidStateError,
  ModelLoadError,
  Scorer,
  type ScorerOptions,
  ScorerStartError,
  type ScorerStream,
  type StreamEvent,
  type StreamNoScore,
  type StreamScore,
} from '../../src/index.ts';
import { readClip } from '../support/clips.ts';
import { opusPayloadType, opusPayloadTypes } from '../support/recorded-call.ts';
import { rtpPacket } from '../support/rtp-packet.ts';
import { RtpSender } from '../support/rtp-sender.ts';
import { encode } from '../support/speech.ts';
import { nextEvent } from '../support/waiting.ts';

const clip = readClip('speech/woman-1');
const payloads = encode(clip);
/** What is pushed faster than it was spoken, and how long the scorer may breathe after each half second of it. */
const pushedMs = 6000;
const pauseMs = 150;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Pushes a clip in real time until it is stopped. */
function talk(stream: ScorerStream): () => void {
  const stepMs = 100;
  let at = 0;
  const startMs = performance.now();
  const timer = setInterval(() => {
    while (!stream.closed && startMs + at / 16 <= performance.now()) {
      const from = at % clip.length;
      const step = Math.min(stepMs * 16, clip.length - from);
      stream.pushPcm(clip.subarray(from, from + step));
      at += step;
    }
  }, stepMs);
  return () => clearInterval(timer);
}

async function withScorer(options: ScorerOptions, act: (scorer: Scorer) => Promise<void>): Promise<void> {
  const scorer = await Scorer.create({ sockets: 1, ...options });
  try {
    await act(scorer);
  } finally {
    await scorer.close();
  }
}

const isReason = (reason: string) => (event: StreamNoScore) => event.reason === reason;
const gapless = (events: readonly StreamEvent[]) =>
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    events.map((_, index) => index),
  );

describe('a scorer', () => {
  let scorer: Scorer;
  before(async () => {
    scorer = await Scorer.create({ sockets: 2, processes: 2 });
  });
  after(() => scorer.close());

  it('names its model', () => {
    const { name, version } = scorer.manifest;
    assert.equal(name, resolveScorerOptions({}).model);
    assert.deepEqual(scorer.model, { name, version });
    assert.equal(scorer.manifest.interval.coverage, 0.9);
  });

  it('scores RTP over UDP, and nobody else by the same socket', async () => {
    const endpoint = scorer.reserveEndpoint();
    const sender = await RtpSender.create({
      port: endpoint.port,
      ssrc: 0xdecafbad,
      payloadType: opusPayloadType,
      payloads,
    });
    const stranger = await RtpSender.create({
      port: endpoint.port,
      ssrc: 0xdecafbad,
      payloadType: opusPayloadType,
      payloads,
    });
    const stream = scorer.addStream({
      streamId: 'udp',
      source: { endpoint, address: '127.0.0.1', port: sender.sourcePort, ssrc: 0xdecafbad },
      payloadTypes: opusPayloadTypes,
    });
    const events: StreamEvent[] = [];
    stream.on('score', (event) => events.push(event));
    stream.on('noscore', (event) => events.push(event));
    const first = nextEvent<StreamScore>(stream, 'score');
    const overall = nextEvent<StreamScore>(scorer, 'score', { fits: ({ streamId }) => streamId === 'udp' });
    sender.start();
    stranger.start();
    const score = await first;
    assert.equal(await overall, score);
    assert.equal(stream.last, score);
    assert.ok(score.mosLqo > 2, `${score.mosLqo}`);
    assert.ok(Math.abs(score.windowEnd - Date.now()) < 2000);
    gapless(events);
    const stats = await stream.getStats();
    assert.ok(stats.packetsReceived > 70 && stats.packetsReceived <= sender.sent);
    assert.equal(stats.packetsLost, 0);
    const { processes, streams } = await scorer.getStats();
    assert.equal(streams, 1);
    const strangers = processes.map(({ counters }) => counters?.engine.packetsUnknownSource ?? 0);
    assert.ok(Math.max(...strangers) > 70, `${strangers}`);
    stream.close();
    await Promise.all([sender.close(), stranger.close()]);
  });

  it('scores pushed RTP and pushed samples', async () => {
    const pcm = scorer.addStream({ streamId: 'pcm' });
    const rtp = scorer.addStream({ streamId: 'rtp', payloadTypes: opusPayloadTypes });
    const scored = Promise.all([nextEvent<StreamScore>(pcm, 'score'), nextEvent<StreamScore>(rtp, 'score')]);
    // Faster than it was spoken: the packets say when they came.
    const start = Date.now() - pushedMs;
    for (let ms = 0; ms < pushedMs; ms += 500) {
      payloads.slice(ms / 20, (ms + 500) / 20).forEach((payload, index) => {
        const sequenceNumber = ms / 20 + index;
        const at = { sequenceNumber, timestamp: sequenceNumber * 960, ssrc: 5, payloadType: opusPayloadType, payload };
        rtp.pushRtp(rtpPacket(at), start + sequenceNumber * 20);
      });
      pcm.pushPcm(clip.subarray(ms * 16, (ms + 500) * 16), start + ms);
      await sleep(pauseMs);
    }
    const [a, b] = await scored;
    assert.ok(Math.abs(a.mosLqo - b.mosLqo) < 0.8, `${a.mosLqo}, ${b.mosLqo}`);
    assert.ok(a.windowStart >= start - 1 && a.windowEnd <= start + pushedMs + 1);
    pcm.close();
    rtp.close();
  });

  it('copies what is pushed: the caller may use its buffer again', async () => {
    const stream = scorer.addStream({ streamId: 'reused' });
    const buffer = new Float32Array(500 * 16);
    const scored = nextEvent<StreamScore>(stream, 'score');
    const start = Date.now() - pushedMs;
    for (let ms = 0; ms < pushedMs; ms += 500) {
      buffer.set(clip.subarray(ms * 16, (ms + 500) * 16));
      stream.pushPcm(buffer, start + ms);
      buffer.fill(0);
      await sleep(pauseMs);
    }
    assert.ok((await scored).speechMs >= 1500);
    stream.close();
  });

  it('gives out the least loaded endpoints in turn', () => {
    const ids = [1, 2, 3, 4].map(() => scorer.reserveEndpoint().id);
    assert.equal(new Set(ids.map((id) => id.split('/')[0])).size, 2, ids.join());
    assert.equal(new Set(ids).size, 4, ids.join());
  });

  it('spreads streams over its processes', async () => {
    const streams = [1, 2, 3, 4].map((index) => scorer.addStream({ streamId: `spread ${index}` }));
    const { processes } = await scorer.getStats();
    assert.deepEqual(
      processes.map(({ streams: count }) => count),
      [2, 2],
    );
    assert.deepEqual(
      processes.map(({ counters }) => counters?.streams),
      [2, 2],
    );
    for (const stream of streams) stream.close();
  });

  it('says muted within 2 s of pause, and no number until resume', async () => {
    const stream = scorer.addStream({ streamId: 'mute' });
    const stop = talk(stream);
    await nextEvent(stream, 'score');
    const muted = nextEvent<StreamNoScore>(stream, 'noscore', { fits: isReason('muted'), timeoutMs: 2000 });
    stream.pause();
    stream.pause();
    let numbers = 0;
    stream.on('score', () => numbers++);
    await muted;
    await sleep(1500);
    assert.equal(numbers, 0);
    stream.resume();
    await nextEvent(stream, 'score');
    stop();
    stream.close();
  });

  it('takes another source: ssrc-changed', async () => {
    const [from, to] = [scorer.reserveEndpoint(), scorer.reserveEndpoint()];
    const one = await RtpSender.create({ port: from.port, ssrc: 1, payloadType: opusPayloadType, payloads });
    const other = await RtpSender.create({ port: to.port, ssrc: 2, payloadType: opusPayloadType, payloads });
    const stream = scorer.addStream({
      streamId: 'moved',
      source: { endpoint: from, address: '127.0.0.1', port: one.sourcePort, ssrc: 1 },
      payloadTypes: opusPayloadTypes,
    });
    const events: StreamEvent[] = [];
    stream.on('score', (event) => events.push(event));
    stream.on('noscore', (event) => events.push(event));
    one.start();
    await nextEvent(stream, 'score');
    const changed = nextEvent<StreamNoScore>(stream, 'noscore', { fits: isReason('ssrc-changed') });
    stream.setSource({ endpoint: to, address: '127.0.0.1', port: other.sourcePort, ssrc: 2 });
    const changedMs = Date.now();
    other.start();
    await changed;
    const score = await nextEvent<StreamScore>(stream, 'score');
    assert.ok(score.windowStart > changedMs - 200);
    gapless(events);
    stream.close();
    await Promise.all([one.close(), other.close()]);
  });

  it('keeps on when a listener throws, and says so', async () => {
    const stream = scorer.addStream({ streamId: 'thrower' });
    const seen = nextEvent<StreamNoScore>(scorer, 'noscore', { fits: ({ streamId }) => streamId === 'thrower' });
    const told = once(stream, 'listenererror');
    stream.on('noscore', () => {
      throw new Error('in a listener');
    });
    const [name, error] = await told;
    assert.equal(name, 'noscore');
    assert.match(String(error), /in a listener/);
    await seen;
    stream.close();
  });
});

describe('a scorer told wrong things', () => {
  let scorer: Scorer;
  before(async () => {
    scorer = await Scorer.create({ sockets: 1, maxStreams: 3 });
  });
  after(() => scorer.close());
  const source = () => ({ endpoint: scorer.reserveEndpoint(), address: '127.0.0.1', port: 5000, ssrc: 1 });

  it('the same id or source twice', () => {
    const stream = scorer.addStream({ streamId: 'a', source: source(), payloadTypes: opusPayloadTypes });
    assert.throws(() => scorer.addStream({ streamId: 'a' }), InvalidStateError);
    const again = { streamId: 'b', source: source(), payloadTypes: opusPayloadTypes };
    assert.throws(() => scorer.addStream(again), /stream 'a' has this source already/);
    stream.setSource(source());
    stream.close();
    scorer.addStream(again).close();
  });

  it('an endpoint of another scorer', () => {
    const elsewhere = { ...source(), endpoint: { id: '7/7', address: '127.0.0.1', port: 1 } };
    const options = { streamId: 'a', source: elsewhere, payloadTypes: opusPayloadTypes };
    assert.throws(() => scorer.addStream(options), /source\.endpoint '7\/7' is none of this scorer's/);
  });

  it('more streams than maxStreams', () => {
    const streams = ['a', 'b', 'c'].map((streamId) => scorer.addStream({ streamId }));
    assert.throws(() => scorer.addStream({ streamId: 'd' }), /3 streams already \(option maxStreams\)/);
    for (const stream of streams) stream.close();
  });

  it('wrong packets, samples and times', () => {
    const stream = scorer.addStream({ streamId: 'a' });
    assert.throws(() => stream.pushRtp('x' as never), /packet must be a Uint8Array, got x/);
    assert.throws(() => stream.pushPcm([1] as never), /samples must be a Float32Array/);
    assert.throws(
      () => stream.pushPcm(new Float32Array([0, Number.NaN])),
      /samples\[1\] must be a finite number, got NaN/,
    );
    assert.throws(() => stream.pushPcm(new Float32Array(1), Number.NaN), /arrivalMs/);
    assert.throws(() => stream.setSource(source()), /added without a source/);
    stream.close();
    const udp = scorer.addStream({ streamId: 'b', source: source(), payloadTypes: opusPayloadTypes });
    assert.throws(() => udp.pushRtp(new Uint8Array(20)), /fed by UDP/);
    udp.close();
  });
});

describe('a scorer that cannot start says why', () => {
  it('a port that is taken', async () => {
    const taken = createSocket('udp4');
    taken.bind(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address();
    await assert.rejects(Scorer.create({ sockets: 1, firstPort: port }), (error: unknown) => {
      assert.ok(error instanceof ScorerStartError);
      assert.equal(error.code, 'EADDRINUSE');
      assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}`));
      return true;
    });
    taken.close();
  });

  it('an address of another host', () =>
    assert.rejects(Scorer.create({ sockets: 1, address: '192.0.2.1' }), { code: 'EADDRNOTAVAIL' }));

  it('an unknown model', () =>
    assert.rejects(Scorer.create({ model: 'nonesuch' }), (error: unknown) => {
      assert.ok(error instanceof ModelLoadError);
      assert.equal(error.code, 'ERR_MODEL_NOT_FOUND');
      assert.match(error.message, /nonesuch/);
      return true;
    }));

  it('more speech than the model hears', () =>
    assert.rejects(Scorer.create({ minSpeechMs: 8000 }), (error: unknown) => {
      assert.ok(error instanceof RangeError);
      assert.match(error.message, /minSpeechMs must be at most 7680.*8000/);
      return true;
    }));
});

describe('closing', () => {
  it('a stream: it says so once, and refuses what comes after', () =>
    withScorer({}, async (scorer) => {
      const stream = scorer.addStream({ streamId: 'a' });
      let closes = 0;
      stream.on('close', () => closes++);
      stream.close();
      stream.close();
      assert.equal(closes, 1);
      assert.equal(stream.closed, true);
      assert.equal(scorer.getStream('a'), undefined);
      assert.throws(() => stream.pause(), InvalidStateError);
      assert.throws(() => stream.resume(), InvalidStateError);
      assert.throws(() => stream.pushPcm(new Float32Array(1)), InvalidStateError);
      await assert.rejects(stream.getStats(), InvalidStateError);
    }));

  it('a scorer: its streams close, its processes end, and it refuses what comes after', async () => {
    const scorer = await Scorer.create({ sockets: 1, processes: 2 });
    const stream = scorer.addStream({ streamId: 'a' });
    const pids = (await scorer.getStats()).processes.map(({ pid }) => pid as number);
    let died = 0;
    scorer.on('processdied', () => died++);
    const closed = once(scorer, 'close');
    await Promise.all([scorer.close(), scorer.close(), closed]);
    assert.equal(stream.closed, true);
    assert.equal(died, 0);
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    assert.equal(scorer.closed, true);
    assert.throws(() => scorer.addStream({ streamId: 'b' }), InvalidStateError);
    assert.throws(() => scorer.reserveEndpoint(), InvalidStateError);
    await assert.rejects(scorer.getStats(), InvalidStateError);
  });

  it('what is asked at that moment is refused, not left open', async () => {
    const scorer = await Scorer.create({ sockets: 1 });
    const asked = assert.rejects(scorer.getStats(), InvalidStateError);
    await scorer.close();
    await asked;
  });
});
