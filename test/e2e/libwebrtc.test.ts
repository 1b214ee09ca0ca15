import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { types } from 'mediasoup';
import { io, type Socket } from 'socket.io-client';
import type { BotOptions } from '../../examples/conference/src/bots.ts';
import type {
  ClientToServerEvents,
  MosEvent,
  MosSubscription,
  ServerToClientEvents,
  SubscribeReply,
} from '../../plugin/index.ts';
import { nextEvent, until } from '../support/waiting.ts';
import { type Call, firstPackets, mean, startCall } from './call.ts';

type FeedSocket = Socket<ServerToClientEvents, ClientToServerEvents>;

/** All say the same, so that their scores differ by what was done to it. */
const speech = 'speech/woman-1';
const participants = {
  clean: { name: 'Clean', voice: { speech } },
  noisy: { name: 'Noisy', voice: { speech, noise: 'noise/kitchen', snrDb: 5 } },
  lossy: { name: 'Lossy', voice: { speech }, uplink: { lossRatio: 0.2, lossBurstPackets: 4, seed: 7 } },
} satisfies Record<string, BotOptions>;

/** As many of each participant are compared: more than one round of what they say. */
const scoresToCompare = 14;
/** MOS; wide, since models differ. */
const leastMargins = { noisy: 0.7, lossy: 0.2 };

describe('libwebrtc participants', () => {
  let call: Call;
  let firstPacketMs: Map<string, number>;
  let [clean, noisy, lossy] = ['', '', ''];
  const sockets: FeedSocket[] = [];

  /** A client of the MOS namespace, what it was answered, and everything it hears. */
  async function subscribe(token: string | undefined, subscription: MosSubscription) {
    const socket: FeedSocket = io(`${call.conference.url}mos`, {
      auth: { token },
      forceNew: true,
      reconnection: false,
      transports: ['websocket'],
    });
    sockets.push(socket);
    const heard: MosEvent[] = [];
    socket.on('snapshot', ({ producers }) => heard.push(...producers.flatMap(({ status }) => status ?? [])));
    for (const name of ['score', 'noscore', 'producerclose'] as const)
      socket.on(name, (event: MosEvent) => heard.push(event));
    const reply: SubscribeReply = await socket.timeout(10_000).emitWithAck('subscribe', subscription);
    return { reply, heard };
  }

  const tokenOf = (participantId: string) => call.conference.room.participant(participantId)?.mosToken;

  function producerOf(participantId: string): types.Producer {
    const producer = call.conference.room.participant(participantId)?.producer;
    assert.ok(producer, `participant ${participantId} has a producer`);
    return producer;
  }

  before(async () => {
    call = await startCall();
    firstPacketMs = firstPackets(call.conference.router);
    clean = await call.join(participants.clean);
    noisy = await call.join(participants.noisy);
    lossy = await call.join(participants.lossy);
  });

  after(async () => {
    for (const socket of sockets) socket.disconnect();
    await call?.close();
  });

  test('are scored within 6 s of their first packet', async (t) => {
    for (const [name, participantId] of Object.entries({ clean, noisy, lossy })) {
      await until(`a score of ${name}`, () => call.log.scoresOf(participantId).length > 0, 30_000);
      const scored = call.log.scoresOf(participantId)[0]?.atMs ?? Number.NaN;
      const latencyMs = scored - (firstPacketMs.get(participantId) ?? Number.NaN);
      t.diagnostic(`${name}: first score after ${latencyMs} ms`);
      assert.ok(latencyMs <= 6000, `${name}: ${latencyMs} ms`);
    }
  });

  test('a score says whose it is, over which time, how sure, on what network, and by which model', async () => {
    const { event } = await call.log.score(lossy);
    assert.equal(event.producerId, producerOf(lossy).id);
    assert.equal(event.routerId, call.conference.router.id);
    assert.deepEqual(event.model, call.conference.observer.scorer.model);
    assert.ok(event.interval.lower <= event.mosLqo && event.mosLqo <= event.interval.upper, JSON.stringify(event));
    assert.ok(event.mosLqo >= 1 && event.mosLqo <= 5);
    assert.ok(event.windowStart < event.windowEnd && event.windowEnd <= Date.now() + 1000);
    assert.ok(event.speechMs >= 1500 && event.speechMs <= event.windowEnd - event.windowStart + 10);
    assert.ok(event.network.lossRatio > 0.05 && event.network.lossRatio < 0.45, `loss ${event.network.lossRatio}`);
  });

  test('clean speech scores above noisy and above lossy speech', async (t) => {
    const means: Record<string, number> = {};
    for (const [name, participantId] of Object.entries({ clean, noisy, lossy })) {
      const scores = () => call.log.scoresOf(participantId).map(({ event }) => event.mosLqo);
      await until(`${scoresToCompare} scores of ${name}`, () => scores().length >= scoresToCompare, 60_000);
      means[name] = mean(scores());
      t.diagnostic(`${name}: ${scores().map((score) => score.toFixed(2))}, mean ${means[name].toFixed(2)}`);
    }
    const { clean: ofClean = 0, noisy: ofNoisy = 5, lossy: ofLossy = 5 } = means;
    assert.ok(ofClean >= ofNoisy + leastMargins.noisy, `clean ${ofClean}, noisy ${ofNoisy}`);
    assert.ok(ofClean >= ofLossy + leastMargins.lossy, `clean ${ofClean}, lossy ${ofLossy}`);
  });

  test('a subscriber over socket.io hears the same events', async () => {
    const { reply, heard } = await subscribe(tokenOf(clean), { participantId: noisy });
    assert.deepEqual(reply, { ok: true });
    await call.log.score(noisy);
    const { event } = await call.log.score(noisy);
    await until('the subscriber has it too', () => heard.at(-1)?.type === 'score' && heard.length >= 3);
    // First the newest event from before, as a snapshot; then all that follows.
    const said = call.log.of(noisy).map((one) => one.event);
    const first = said.findIndex((one) => isDeepStrictEqual(one, heard[0]));
    assert.notEqual(first, -1, `never said: ${JSON.stringify(heard[0])}`);
    assert.deepEqual(heard, said.slice(first, first + heard.length));
    assert.ok(said.indexOf(event) >= first + 2);
  });

  test('a subscriber that the application does not know is refused', async () => {
    for (const token of [undefined, 'guessed']) {
      const { reply, heard } = await subscribe(token, { routerId: call.conference.router.id });
      assert.equal(reply.ok, false);
      assert.equal(reply.ok === false && reply.error.code, 'forbidden');
      await call.log.score(clean);
      assert.deepEqual(heard, []);
    }
  });

  test('muting gives `muted` within 2 s and no score until unmuted', async (t) => {
    const mutedMs = Date.now();
    const muted = call.log.noScore(noisy, 'muted');
    await call.bots.mute(participants.noisy.name, true);
    const { atMs } = await muted;
    t.diagnostic(`muted after ${atMs - mutedMs} ms`);
    assert.ok(atMs - mutedMs <= 2000, `muted after ${atMs - mutedMs} ms`);
    // Others are scored meanwhile.
    await call.log.score(clean);
    await call.log.score(clean);
    await call.log.score(clean);
    const after = call.log.of(noisy).filter((heard) => heard.atMs >= atMs);
    assert.deepEqual(
      after.map(({ event }) => event.type === 'noscore' && event.reason),
      ['muted'],
    );
    const scored = call.log.score(noisy);
    const unmutedMs = Date.now();
    await call.bots.mute(participants.noisy.name, false);
    const { event } = await scored;
    assert.ok(event.windowEnd >= unmutedMs, 'what was said after unmuting is scored');
  });

  test('a killed scorer is back within 3 s, and the call goes on', async (t) => {
    const { observer, router } = call.conference;
    const listener = await router.createDirectTransport();
    const { rtpCapabilities } = router;
    const consumer = await listener.consume({ producerId: producerOf(clean).id, rtpCapabilities });
    const heardAtMs: number[] = [];
    consumer.on('rtp', () => heardAtMs.push(Date.now()));
    await until('the listener hears', () => heardAtMs.length > 10);

    const { processes } = await observer.scorer.getStats();
    const pid = processes[0]?.pid;
    assert.ok(pid);
    const restarting = Promise.all([clean, noisy, lossy].map((id) => call.log.noScore(id, 'scorer-restarting')));
    const restarted = nextEvent<{ pid: number; downMs: number }>(observer, 'scorerrestart', { timeoutMs: 30_000 });
    const scores = Promise.all([clean, noisy, lossy].map((id) => call.log.score(id)));
    const killedMs = Date.now();
    process.kill(pid, 'SIGKILL');
    await restarting;
    const restart = await restarted;
    const backMs = Date.now() - killedMs;
    t.diagnostic(`back ${backMs} ms after the kill (down for ${restart.downMs} ms)`);
    assert.ok(backMs <= 3000, `back after ${backMs} ms`);
    assert.notEqual(restart.pid, pid);
    await scores;

    const scoredMs = Date.now();
    const longestSilenceMs = Math.max(...heardAtMs.map((atMs, index) => atMs - (heardAtMs[index - 1] ?? atMs)));
    const expected = (scoredMs - killedMs) / 20;
    const packets = heardAtMs.filter((atMs) => atMs >= killedMs).length;
    t.diagnostic(`listener: ${packets} packets of ${expected.toFixed(0)}, longest silence ${longestSilenceMs} ms`);
    for (const id of [clean, noisy, lossy]) assert.equal(producerOf(id).closed, false);
    assert.equal(consumer.closed, false);
    assert.ok(packets > 0.5 * expected, `${packets} packets of ${expected}`);
    assert.ok(longestSilenceMs < 2000, `nothing for ${longestSilenceMs} ms`);
    listener.close();
  });

  test('leaving gives a close event, and nothing after it', async () => {
    const closed = call.log.close(lossy);
    await call.bots.leave(participants.lossy.name);
    const { event } = await closed;
    assert.equal(event.type, 'producerclose');
    await call.log.score(clean);
    assert.equal(call.log.of(lossy).at(-1)?.event.type, 'producerclose');
    assert.ok(!call.conference.observer.current.some(({ participantId }) => participantId === lossy));
  });

  test('events of a participant are numbered without gaps', () => {
    for (const participantId of [clean, noisy, lossy]) {
      const numbers = call.log.allOf(participantId).map(({ event }) => event.sequence);
      assert.deepEqual(
        numbers,
        numbers.map((_, index) => index),
      );
    }
  });
});
