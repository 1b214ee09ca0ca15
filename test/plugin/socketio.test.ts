import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { types } from 'mediasoup';
import type { ServerOptions } from 'socket.io';
import {
  allowAll,
  attachMosNamespace,
  createMosObserver,
  type MosCloseEvent,
  type MosEvent,
  type MosNamespace,
  type MosNoScoreEvent,
  type MosObserver,
  type MosScoreEvent,
  type MosSnapshotEvent,
  type MosSubscription,
  mosEventSchemas,
  mosSnapshotEvent,
  type ProducerSnapshot,
  type SubscribeReply,
} from '../../plugin/index.ts';
import {
  codeOf,
  type FeedClient,
  type FeedServer,
  record,
  stall,
  subscribe,
  unsubscribe,
} from '../support/feed-server.ts';
import { createTalker, startWorker } from '../support/media-server.ts';
import { type ObservedRouter, startObservedRouter } from '../support/observed-router.ts';
import { opusPackets } from '../support/speech.ts';
import { until } from '../support/waiting.ts';

const serverEvents = { ...mosEventSchemas, snapshot: mosSnapshotEvent };

const goodbyeOf = (client: FeedClient) => new Promise((resolve) => client.once('goodbye', resolve));

describe('the socket.io namespace', () => {
  let worker: types.Worker;
  let server: FeedServer;
  let router: types.Router;
  let observer: MosObserver;
  let addProducer: ObservedRouter['addProducer'];
  let closeRouter: ObservedRouter['close'];
  let feed: MosNamespace;

  before(async () => {
    worker = await startWorker();
  });
  after(() => worker.close());

  const start = async (serverOptions?: Partial<ServerOptions>) => {
    ({ server, router, observer, addProducer, close: closeRouter } = await startObservedRouter(worker, serverOptions));
  };
  beforeEach(() => start());
  afterEach(async () => {
    feed?.close();
    await closeRouter();
  });

  const attach = (options: Partial<Parameters<typeof attachMosNamespace>[0]> = {}) => {
    feed = attachMosNamespace({ io: server.io, observers: [observer], authorize: allowAll, ...options });
    return feed;
  };

  /** Once this resolves, the client has everything that was sent before. */
  async function everythingArrived(client: FeedClient): Promise<void> {
    await unsubscribe(client, { routerId: 'none' });
  }

  describe('works', () => {
    it('sends what is known first, then what happens', async () => {
      attach();
      const { producer, stream } = await addProducer('ada');
      stream.say({ type: 'noscore', reason: 'too-short' });
      const client = await server.connect();
      const heard = record(client);
      assert.deepEqual(await subscribe(client, { routerId: router.id }), { ok: true });
      stream.say({ type: 'score', mosLqo: 4.2 });
      stream.say({ type: 'noscore', reason: 'silence' });
      producer.close();
      await until('close', () => heard.at(-1)?.[0] === 'close');
      const [[, snapshot], ...rest] = heard as unknown as [[string, MosSnapshotEvent], ...[string, MosEvent][]];
      assert.deepEqual(
        snapshot.producers.map(({ status }) => status?.type === 'noscore' && status.reason),
        ['too-short'],
      );
      const origin = { producerId: producer.id, routerId: router.id, participantId: 'ada' };
      assert.deepEqual(
        rest.map(([name, { type, producerId, routerId, participantId, sequence }]) => {
          return [name, type, { producerId, routerId, participantId }, sequence];
        }),
        [
          ['score', 'score', origin, 1],
          ['noscore', 'noscore', origin, 2],
          ['report', 'report', origin, 3],
          ['close', 'close', origin, 4],
        ],
      );
      for (const [name, event] of heard) assert.deepEqual(serverEvents[name as 'score'].parse(event), event);
    });

    it('sends a subscriber only what it subscribed to', async () => {
      attach();
      const one = await addProducer('ada');
      const two = await addProducer('bob');
      const subscriptions: [MosSubscription, number][] = [
        [{ routerId: router.id }, 2],
        [{ producerId: one.producer.id }, 1],
        [{ participantId: 'bob' }, 1],
        [{ participantId: 'eve' }, 0],
      ];
      for (const [subscription, expected] of subscriptions) {
        const client = await server.connect();
        await subscribe(client, subscription);
        const heard = record(client);
        one.stream.say({ type: 'noscore', reason: 'silence' });
        two.stream.say({ type: 'noscore', reason: 'silence' });
        await everythingArrived(client);
        assert.equal(heard.length, expected, JSON.stringify(subscription));
        client.close();
      }
    });

    it('sends each event once to who subscribed to router, producer and participant', async () => {
      attach();
      const { producer, stream } = await addProducer('ada');
      const client = await server.connect();
      await subscribe(client, { routerId: router.id });
      await subscribe(client, { producerId: producer.id });
      await subscribe(client, { participantId: 'ada' });
      const heard = record(client);
      stream.say({ type: 'score', mosLqo: 3 });
      await everythingArrived(client);
      assert.equal(heard.length, 1);
    });

    it('sends nothing after unsubscribe', async () => {
      attach();
      const { stream } = await addProducer();
      const client = await server.connect();
      await subscribe(client, { routerId: router.id });
      await unsubscribe(client, { routerId: router.id });
      const heard = record(client);
      stream.say({ type: 'noscore', reason: 'silence' });
      await everythingArrived(client);
      assert.deepEqual(heard, []);
    });

    it('takes observers while it runs, and lets them go', async () => {
      attach({ observers: [] });
      const client = await server.connect();
      await subscribe(client, { routerId: router.id });
      const heard = record(client);
      const { stream } = await addProducer();
      stream.say({ type: 'noscore', reason: 'silence' });
      feed.add(observer);
      feed.add(observer);
      stream.say({ type: 'noscore', reason: 'no-speech' });
      feed.remove(observer);
      stream.say({ type: 'noscore', reason: 'gap' });
      await everythingArrived(client);
      assert.deepEqual(
        heard.map(([name, { reason, producers }]: [string, { reason?: string; producers?: ProducerSnapshot[] }]) => {
          return [name, reason ?? producers?.map(({ status }) => (status as MosNoScoreEvent).reason)];
        }),
        [
          ['snapshot', ['silence']],
          ['noscore', 'no-speech'],
          ['close', undefined],
        ],
      );
    });

    it('uses the name that it is given', async () => {
      attach({ name: '/quality' });
      const client = await server.connect('/quality');
      assert.deepEqual(await subscribe(client, { routerId: router.id }), { ok: true });
    });

    it('leaves the middleware to the application', async () => {
      attach();
      feed.namespace.use((socket, next) =>
        next(socket.handshake.auth.token === 'x' ? undefined : new Error('no token')),
      );
      await assert.rejects(server.connect(), /no token/);
    });
  });

  it('streams the scores of a call', { timeout: 30_000 }, async () => {
    const live = await createMosObserver({ router, autoAdd: true, sockets: 1 });
    const talker = await createTalker(router, opusPackets('speech/man-1'), { name: 'ada' });
    try {
      attach({ observers: [live] });
      const client = await server.connect();
      await subscribe(client, { producerId: talker.producer.id });
      const told: MosNoScoreEvent[] = [];
      client.on('noscore', (event) => told.push(event));
      talker.sender.start();
      const score = await new Promise<MosScoreEvent>((resolve) => client.once('score', resolve));
      assert.equal(score.producerId, talker.producer.id);
      assert.ok(score.mosLqo >= 1 && score.mosLqo <= 5);
      assert.ok(told.some(({ reason }) => reason === 'too-short'));
      const closed = new Promise<MosCloseEvent>((resolve) => client.once('close', resolve));
      talker.producer.close();
      assert.equal((await closed).producerId, talker.producer.id);
    } finally {
      await talker.close();
      live.close();
      await live.scorer.close();
    }
  });

  describe('authorisation', () => {
    it('lets nobody hear anything unless told', async () => {
      feed = attachMosNamespace({ io: server.io, observers: [observer] });
      const { stream } = await addProducer();
      const client = await server.connect();
      const heard = record(client);
      assert.equal(codeOf(await subscribe(client, { routerId: router.id })), 'forbidden');
      stream.say({ type: 'noscore', reason: 'silence' });
      await everythingArrived(client);
      assert.deepEqual(heard, []);
    });

    it('asks the application about each subscription', async () => {
      attach({ authorize: async (_socket, subscription) => 'participantId' in subscription });
      const client = await server.connect();
      assert.equal(codeOf(await subscribe(client, { routerId: router.id })), 'forbidden');
      assert.equal(codeOf(await subscribe(client, { participantId: 'ada' })), 'ok');
    });

    it('takes only true for yes', async () => {
      attach({ authorize: (() => 'yes') as never });
      assert.equal(codeOf(await subscribe(await server.connect(), { routerId: router.id })), 'forbidden');
    });

    it('refuses while the application cannot decide', async () => {
      const errors = [() => Promise.reject(new Error('database away')), () => assert.fail('broken')];
      attach({ authorize: () => (errors.shift() as () => never)() });
      const client = await server.connect();
      assert.equal(codeOf(await subscribe(client, { routerId: router.id })), 'unavailable');
      assert.equal(codeOf(await subscribe(client, { routerId: router.id })), 'unavailable');
    });

    it('asks once for a subscription that is asked for again before it was decided', async () => {
      let decide: (allowed: boolean) => void = () => {};
      let asked = 0;
      const authorize = () => {
        asked += 1;
        return new Promise<boolean>((resolve) => {
          decide = resolve;
        });
      };
      attach({ authorize });
      const client = await server.connect();
      const replies = [1, 2, 3].map(() => subscribe(client, { routerId: router.id }));
      await everythingArrived(client);
      decide(true);
      assert.deepEqual((await Promise.all(replies)).map(codeOf), ['ok', 'ok', 'ok']);
      assert.equal(asked, 1);
    });

    it('does not let in who unsubscribed or left before it was decided', async () => {
      let decide: (allowed: boolean) => void = () => {};
      const authorize = () =>
        new Promise<boolean>((resolve) => {
          decide = resolve;
        });
      attach({ authorize });
      const { stream } = await addProducer();
      const client = await server.connect();
      const heard = record(client);
      const reply = subscribe(client, { routerId: router.id });
      await unsubscribe(client, { routerId: router.id });
      decide(true);
      await reply;
      stream.say({ type: 'noscore', reason: 'silence' });
      await everythingArrived(client);
      assert.deepEqual(heard, []);

      client.emit('subscribe', { routerId: router.id });
      await everythingArrived(client);
      client.close();
      await until('gone', () => feed.namespace.sockets.size === 0);
      decide(true);
      await until('no rooms', () => feed.namespace.adapter.rooms.size === 0);
    });
  });

  describe('authentication', () => {
    it('lets in whom the application knows, and remembers what it found out', async () => {
      attach({
        authenticate: async (client) => {
          client.data.room = client.handshake.auth.token === 'secret' ? router.id : undefined;
          return client.data.room !== undefined;
        },
        authorize: ({ data }, { routerId }) => routerId === data.room,
      });
      const client = await server.connect('/mos', { auth: { token: 'secret' } });
      assert.equal(codeOf(await subscribe(client, { routerId: router.id })), 'ok');
      assert.equal(codeOf(await subscribe(client, { routerId: 'another' })), 'forbidden');
      await assert.rejects(server.connect('/mos', { auth: { token: 'guess' } }), /unauthenticated/);
      await assert.rejects(server.connect(), /unauthenticated/);
    });

    it('takes only true for yes, and an error for no', async () => {
      const answers: unknown[] = ['yes', 1, {}, undefined, Promise.resolve('true')];
      const authenticate = () => {
        if (answers.length === 0) throw new Error('broken');
        return answers.shift();
      };
      attach({ authenticate: authenticate as never });
      for (let attempt = 0; attempt < 6; attempt++) await assert.rejects(server.connect(), /unauthenticated/);
      assert.equal(answers.length, 0);
    });
  });

  describe('a slow subscriber', () => {
    const speech = { model: { name: 'x'.repeat(8000), version: '0.0.0' } }; // 8 kB each, to fill the kernel's buffers soon

    it('is sent every score that comes within one turn of the event loop, while it keeps up', async () => {
      attach();
      const streams = [];
      for (let n = 0; n < 20; n++) streams.push((await addProducer()).stream);
      const client = await server.connect();
      await subscribe(client, { routerId: router.id });
      const heard = record(client);
      for (const stream of streams) stream.say({ type: 'score' });
      await everythingArrived(client);
      assert.equal(heard.length, 20);
    });

    it('is sent no scores, then disconnected with a reason; nobody else notices, and its other namespaces stay', async () => {
      const maxBacklogBytes = 64 * 1024;
      attach({ maxBacklogBytes });
      server.io.of('/other');
      const { stream } = await addProducer();
      const [stalled, quick] = [await server.connect(), await server.connect()];
      const other = await server.share(stalled, '/other');
      for (const client of [stalled, quick]) await subscribe(client, { routerId: router.id });
      const [heardByStalled, heardByQuick] = [record(stalled), record(quick)];
      const goodbye = goodbyeOf(stalled);
      const socket = feed.namespace.sockets.get(stalled.id as string);
      assert.ok(socket);
      const wakeUp = stall(stalled);
      const waiting = () =>
        (socket.conn as unknown as { writeBuffer: { data: string }[] }).writeBuffer.reduce(
          (n, { data }) => n + data.length,
          0,
        );
      let scores = 0;
      let most = 0;
      while (socket.connected) {
        // Scores alone never fill the backlog: they are left out before.
        stream.say({ type: 'score', ...speech });
        scores += 1;
        if (scores % 20 === 0) stream.say({ type: 'noscore', ...speech });
        most = Math.max(most, waiting());
        await new Promise(setImmediate);
        assert.ok(scores < 100_000, 'never disconnected');
      }
      assert.ok(most <= maxBacklogBytes + 3 * 8500, `${most} bytes waited`);
      assert.equal(feed.namespace.sockets.size, 1);
      await everythingArrived(quick);
      assert.equal(heardByQuick.filter(([name]) => name === 'score').length, scores);
      wakeUp();
      assert.deepEqual(await goodbye, { type: 'goodbye', reason: 'slow' });
      assert.ok(heardByStalled.filter(([name]) => name === 'score').length < scores);
      assert.equal(other.connected, true);
    });

    it('is sent scores again once it caught up', async () => {
      attach({ maxBacklogBytes: 1024 * 1024 });
      const { stream } = await addProducer();
      const client = await server.connect();
      await subscribe(client, { routerId: router.id });
      const socket = feed.namespace.sockets.get(client.id as string);
      const wakeUp = stall(client);
      for (let n = 0; !socket?.rooms.has('mos:slow'); n++) {
        stream.say({ type: 'score', ...speech });
        await new Promise(setImmediate);
        assert.ok(n < 100_000, 'never slow');
      }
      wakeUp();
      await everythingArrived(client);
      const heard = record(client);
      stream.say({ type: 'score' });
      await until('a score', () => heard.length === 1);
    });
  });

  describe('a connection that is recovered', () => {
    it('is sent what it missed except scores, without subscribing again', async () => {
      await closeRouter();
      await start({ connectionStateRecovery: {} });
      attach();
      const { stream } = await addProducer();
      const client = await server.connect('/mos');
      await subscribe(client, { routerId: router.id });
      const heard = record(client);
      stream.say({ type: 'noscore', reason: 'silence' });
      await everythingArrived(client);
      client.io.engine.close();
      await until('the server knows', () => feed.namespace.sockets.size === 0);
      stream.say({ type: 'score' });
      stream.say({ type: 'noscore', reason: 'no-speech' });
      client.connect();
      await until('the rest', () => heard.length === 2);
      assert.equal(client.recovered, true);
      stream.say({ type: 'score' });
      await everythingArrived(client);
      assert.deepEqual(
        heard.map(([name, { sequence }]) => [name, sequence]),
        [
          ['noscore', 0],
          ['noscore', 2],
          ['score', 3],
        ],
      );
    });
  });

  describe('hostile clients', () => {
    it('that send too much are disconnected with a reason', async () => {
      let asked = 0;
      attach({
        maxSubscriptions: 10,
        authorize: () => {
          asked += 1;
          return true;
        },
      });
      const client = await server.connect();
      const goodbye = goodbyeOf(client);
      for (let n = 0; n < 5000; n++) client.emit('subscribe', { routerId: `${n}` });
      assert.deepEqual(await goodbye, { type: 'goodbye', reason: 'too-many-requests' });
      assert.equal(feed.namespace.sockets.size, 0);
      assert.ok(asked <= 10, `asked ${asked} times`);
    });

    it('get an error for what is no subscription', async () => {
      attach();
      const client = await server.connect();
      const payloads: unknown[] = [
        undefined,
        null,
        0,
        'router',
        [],
        ['routerId'],
        {},
        { routerId: 5 },
        { routerId: '' },
        { routerId: 'x'.repeat(257) },
        { routerId: { $ne: '' } },
        { routerId: ['a'] },
        { routerId: 'a', producerId: 'b' },
        { routerId: 'a', extra: 1 },
        { streamId: 'a' },
        JSON.parse('{"__proto__":{"routerId":"a"}}'),
      ];
      for (const payload of payloads) {
        for (const event of ['subscribe', 'unsubscribe'] as const) {
          const reply = await client.timeout(5000).emitWithAck(event, payload as MosSubscription);
          assert.equal(codeOf(reply), 'bad-request', `${event} ${JSON.stringify(payload)}`);
        }
      }
    });

    it('do no harm without a payload, without an acknowledgement, with too many arguments or unknown events', async () => {
      attach();
      const client = await server.connect();
      const anything = client as unknown as { emit(name: string, ...args: unknown[]): void };
      anything.emit('subscribe');
      anything.emit('unsubscribe');
      anything.emit('subscribe', { routerId: router.id });
      anything.emit('subscribe', {}, {}, {});
      anything.emit('subscribe', Buffer.alloc(1000));
      anything.emit('score', { mosLqo: 1 });
      assert.deepEqual(await subscribe(client, { routerId: router.id }), { ok: true });
    });

    it('cannot speak to other clients', async () => {
      attach();
      const [client, other] = [await server.connect(), await server.connect()];
      await subscribe(other, { routerId: router.id });
      const heard = record(other);
      const anything = client as unknown as { emit(name: string, ...args: unknown[]): void };
      await subscribe(client, { routerId: router.id });
      anything.emit('score', { mosLqo: 1 });
      await everythingArrived(client);
      await everythingArrived(other);
      assert.deepEqual(heard, []);
    });

    it('have a limited number of subscriptions, decided or not', async () => {
      let decide: (allowed: boolean) => void = () => {};
      const decision = new Promise<boolean>((resolve) => {
        decide = resolve;
      });
      attach({ maxSubscriptions: 2, authorize: () => decision });
      const client = await server.connect();
      const replies = ['a', 'b', 'c', 'a'].map((routerId) => subscribe(client, { routerId }));
      assert.equal(codeOf((await replies[2]) as SubscribeReply), 'too-many-subscriptions');
      decide(true);
      assert.deepEqual((await Promise.all(replies)).map(codeOf), ['ok', 'ok', 'too-many-subscriptions', 'ok']);
      await unsubscribe(client, { routerId: 'a' });
      assert.equal(codeOf(await subscribe(client, { routerId: 'c' })), 'ok');
    });
  });

  describe('wrong arguments', () => {
    const throwing: [string, object, RegExp][] = [
      ['io', { io: {} }, /io must be a socket\.io Server/],
      ['name', { name: '' }, /name/],
      ['authorize', { authorize: true }, /authorize must be a function/],
      ['authenticate', { authenticate: 'token' }, /authenticate must be a function/],
      ['maxBacklogBytes', { maxBacklogBytes: 1000 }, /maxBacklogBytes/],
      ['maxSubscriptions', { maxSubscriptions: 0 }, /maxSubscriptions/],
      ['unknown options', { path: '/mos' }, /path/],
    ];
    for (const [what, options, message] of throwing) {
      it(what, () => {
        assert.throws(
          () => attach(options),
          (error) => (error instanceof TypeError || error instanceof RangeError) && message.test(error.message),
        );
      });
    }

    it('a namespace that is in use', () => {
      attach();
      assert.throws(() => attachMosNamespace({ io: server.io }), /\/mos streams MOS already/);
    });

    it('an observer that is closed', () => {
      attach({ observers: [] });
      observer.close();
      assert.throws(() => feed.add(observer), { code: 'ERR_INVALID_STATE' });
    });
  });

  describe('closing', () => {
    it('tells subscribers of every producer when the observer closes', async () => {
      attach();
      await addProducer('ada');
      await addProducer('bob');
      const client = await server.connect();
      await subscribe(client, { routerId: router.id });
      const heard = record(client);
      observer.close();
      await until('close events', () => heard.filter(([name]) => name === 'close').length === 2);
    });

    it('the router closes the observer, and the worker the router', async () => {
      attach();
      await addProducer();
      const client = await server.connect();
      await subscribe(client, { routerId: router.id });
      const heard = record(client);
      router.close();
      await until('close event', () => heard.at(-1)?.[0] === 'close');
      assert.equal(observer.closed, true);
    });

    it('close disconnects the clients, and the name is free again', async () => {
      attach();
      const client = await server.connect();
      const gone = new Promise((resolve) => client.once('disconnect', resolve));
      feed.close();
      feed.close();
      assert.equal(await gone, 'io server disconnect');
      assert.equal(feed.closed, true);
      assert.equal(observer.closed, false);
      assert.throws(() => feed.add(observer), { code: 'ERR_INVALID_STATE' });
      attach();
      assert.deepEqual(await subscribe(await server.connect(), { routerId: router.id }), { ok: true });
    });
  });
});
