import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { types } from 'mediasoup';
import { Registry } from 'prom-client';
import {
  createMosObserver,
  ListeningBudget,
  type ListeningOptions,
  type MosListeningEvent,
  type MosObserver,
  mosListeningEvent,
} from '../../plugin/index.ts';
import { createMosMetrics } from '../../plugin/monitoring/metrics.ts';
import { FakeScorer } from '../support/fake-scorer.ts';
import { createRouter, createTalker, startWorker, type Talker } from '../support/media-server.ts';
import { createPlainListener, type PlainListenerOptions } from '../support/plain-listener.ts';
import { opusPackets } from '../support/speech.ts';
import { nextEvent, until } from '../support/waiting.ts';

const speech = opusPackets('speech/woman-1');

describe('listening', () => {
  let worker: types.Worker;
  let router: types.Router;
  let scorer: FakeScorer;
  let observer: MosObserver;
  let talker: Talker;
  let budget: ListeningBudget;
  const closing: (() => unknown)[] = [];

  const observe = async (listening: Partial<ListeningOptions> = {}) => {
    const identify = (_: types.Consumer, { appData }: types.Transport) => appData.name as string | undefined;
    observer = await createMosObserver({
      router,
      scorer: scorer.asScorer,
      listening: { budget, identify, ...listening },
    });
    closing.push(() => observer.close());
    await observer.addProducer({ producerId: talker.producer.id, participantId: 'ann' });
    scorer.streams.at(-1)?.say({ type: 'score', mosLqo: 4.2 });
  };
  const listen = async (name: string, options: Partial<PlainListenerOptions> = {}) => {
    const listener = await createPlainListener({
      ...{ router, producerId: talker.producer.id, appData: { name } },
      ...options,
    });
    closing.push(() => listener.close());
    return listener;
  };
  const scored = (name: string) =>
    nextEvent<MosListeningEvent>(observer, 'listening', {
      fits: ({ listenerId, mosListening, roundTripMs }) =>
        listenerId === name && mosListening !== undefined && roundTripMs !== undefined,
      timeoutMs: 30_000,
    });

  before(async () => {
    worker = await startWorker();
  });
  after(() => worker.close());
  beforeEach(async () => {
    router = await createRouter(worker);
    scorer = await FakeScorer.create();
    talker = await createTalker(router, speech);
    budget = new ListeningBudget({ requestsPerSecond: 20 });
    talker.sender.start();
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
    await talker.close();
    router.close();
    await scorer.close();
  });

  it('states the loss and the round trip of each way down, and what is left of the score', async () => {
    await observe();
    const registry = new Registry();
    const metrics = createMosMetrics({ registry });
    metrics.addSource(observer);
    closing.push(() => metrics.close());
    await listen('bob', { roundTripMs: 40 });
    await listen('eve', { loses: (index) => index % 5 === 0, roundTripMs: 40 });
    const [bob, eve] = await Promise.all([scored('bob'), scored('eve')]);
    for (const event of [bob, eve]) {
      assert.equal(mosListeningEvent.safeParse(event).error, undefined);
      assert.equal(event.producerId, talker.producer.id);
      assert.equal(event.participantId, 'ann');
    }
    assert.equal(bob.lossRatio, 0);
    assert.equal(bob.mosListening, 4.2);
    assert.ok(Math.abs((eve.lossRatio as number) - 0.2) < 0.08, `${eve.lossRatio}`);
    assert.ok((eve.roundTripMs as number) >= 30, `${eve.roundTripMs}`);
    assert.ok((eve.mosListening as number) < 3);
    const exposed = await registry.metrics();
    assert.match(exposed, /mediasoup_mos_listening_count [1-9]/);
    assert.match(exposed, /mediasoup_mos_listening_loss_ratio_count [1-9]/);
    assert.doesNotMatch(exposed, /"(ann|bob|eve)"/); // no labels of people
    const sides = observer.participants.map(({ participantId, blame }) => [participantId, blame]);
    assert.deepEqual(sides, [
      ['ann', 'none'],
      ['bob', 'none'],
      ['eve', 'downlink'],
    ]);
  });

  it('gives the reason where there is no number', async () => {
    await observe();
    const { consumer } = await listen('bob', { reports: false });
    const reason = async (expected: string) =>
      nextEvent<MosListeningEvent>(observer, 'listening', { fits: (event) => event.reason === expected });
    assert.equal((await reason('no-report')).mosListening, undefined);
    await consumer.pause();
    await reason('paused');
  });

  it('goes on with the others when the statistics of one cannot be had', async () => {
    await observe();
    const { consumer: broken } = await listen('bob');
    broken.getStats = () => Promise.reject(new Error('no'));
    const failed = nextEvent<MosListeningEvent>(observer, 'listening', { fits: ({ reason }) => reason === 'failed' });
    await listen('eve', { loses: (index) => index % 5 === 0 });
    assert.equal((await failed).listenerId, 'bob');
    await nextEvent<MosListeningEvent>(observer, 'listening', { fits: ({ listenerId }) => listenerId === 'eve' });
  });

  it('forgets a consumer that closes while it is asked', async () => {
    await observe();
    const { consumer } = await listen('bob');
    const events: MosListeningEvent[] = [];
    observer.on('listening', (event) => events.push(event));
    let asked = false;
    const ask = consumer.getStats.bind(consumer);
    consumer.getStats = () => {
      asked = true;
      const answer = ask();
      consumer.close();
      return answer;
    };
    await until('it is asked', () => asked);
    await listen('eve');
    await nextEvent<MosListeningEvent>(observer, 'listening', { fits: ({ listenerId }) => listenerId === 'eve' });
    assert.ok(events.every(({ listenerId }) => listenerId === 'eve'));
    assert.ok(observer.listening.every(({ listenerId }) => listenerId === 'eve'));
  });

  it('asks for nothing without the option, nor after the observer is closed', async () => {
    await observe();
    observer.close();
    const { consumer } = await listen('bob');
    let asked = 0;
    consumer.getStats = () => {
      asked++;
      return Promise.resolve([]);
    };
    observer = await createMosObserver({ router, scorer: scorer.asScorer });
    closing.push(() => observer.close());
    await observer.addProducer({ producerId: talker.producer.id });
    await until('10 packets more', () => talker.sender.sent > 30);
    assert.equal(asked, 0);
    assert.deepEqual(observer.listening, []);
  });

  it('leaves out a listener whose name cannot be had', async () => {
    await observe({
      identify: (_, { appData }) => {
        if (appData.name === 'bob') throw new Error('unknown');
        return appData.name as string;
      },
    });
    await listen('bob');
    await listen('eve');
    const first = await nextEvent<MosListeningEvent>(observer, 'listening');
    assert.equal(first.listenerId, 'eve');
  });

  it('names a wrong option', async () => {
    const create = (listening: unknown) =>
      createMosObserver({ router, scorer: scorer.asScorer, listening: listening as ListeningOptions });
    await assert.rejects(create({}), { name: 'TypeError', message: 'listening.budget must be a ListeningBudget' });
    await assert.rejects(create({ budget, identify: 1 }), /listening.identify must be a function, got number/);
    await assert.rejects(create({ budget, other: 1 }), /unknown option 'other' in listening/);
    assert.throws(() => new ListeningBudget({ requestsPerSecond: -1 }), /requestsPerSecond must be 0.1 to 1000/);
  });
});
