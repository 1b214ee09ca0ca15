import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { types } from 'mediasoup';
import {
  allowAll,
  attachMosNamespace,
  attachMosWebSocket,
  createMosObserver,
  type MosObserver,
  type MosSubscription,
  type MosWebSocketFeed,
  type MosWebSocketOptions,
  serverMessageSchemas,
} from '../../plugin/index.ts';
import { codeOf, type FeedServer, subscribe } from '../support/feed-server.ts';
import { createTalker, startWorker } from '../support/media-server.ts';
import { type ObservedRouter, startObservedRouter } from '../support/observed-router.ts';
import { opusPackets } from '../support/speech.ts';
import { until } from '../support/waiting.ts';
import { FeedWebSocket } from '../support/websocket-feed.ts';

describe('the feed over plain WebSockets', () => {
  let worker: types.Worker;
  let server: FeedServer;
  let router: types.Router;
  let observer: MosObserver;
  let addProducer: ObservedRouter['addProducer'];
  let closeRouter: ObservedRouter['close'];
  let feed: MosWebSocketFeed;
  const clients: FeedWebSocket[] = [];

  before(async () => {
    worker = await startWorker();
  });
  after(() => worker.close());

  beforeEach(async () => {
    ({ server, router, observer, addProducer, close: closeRouter } = await startObservedRouter(worker));
  });
  afterEach(async () => {
    feed?.close();
    for (const client of clients.splice(0)) client.close();
    await closeRouter();
  });

  function attach(options: Partial<MosWebSocketOptions> = {}): MosWebSocketFeed {
    feed?.close();
    feed = attachMosWebSocket({ server: server.http, observers: [observer], authorize: allowAll, ...options });
    return feed;
  }

  async function connect(auth?: object): Promise<FeedWebSocket> {
    const client = await FeedWebSocket.connect(`${server.url}/mos`, auth);
    clients.push(client);
    return client;
  }

  async function open(): Promise<FeedWebSocket> {
    const client = await FeedWebSocket.open(`${server.url}/mos`);
    clients.push(client);
    return client;
  }

  /** Once this resolves, the client has everything that was sent before. */
  const everythingArrived = (client: FeedWebSocket) => client.unsubscribe({ routerId: 'none' });

  describe('works', () => {
    it('sends what is known first, then what happens', async () => {
      attach();
      const { producer, stream } = await addProducer('ada');
      stream.say({ type: 'noscore', reason: 'too-short' });
      const client = await connect();
      assert.equal(codeOf(await client.subscribe({ routerId: router.id })), 'ok');
      stream.say({ type: 'score', mosLqo: 4.2 });
      producer.close();
      await until('close', () => client.heard.at(-1)?.type === 'producerclose');
      assert.deepEqual(
        client.heard.map(({ type }) => type),
        ['connected', 'snapshot', 'reply', 'score', 'report', 'producerclose'],
      );
      for (const message of client.heard) {
        serverMessageSchemas[message.type as keyof typeof serverMessageSchemas].parse(message);
      }
      assert.deepEqual(
        client.events[0]?.producers.map(({ status }: never) => (status as { reason: string }).reason),
        ['too-short'],
      );
      assert.equal(client.events[1]?.mosLqo, 4.2);
    });

    it('sends a subscriber only what it subscribed to, each event once', async () => {
      attach();
      const one = await addProducer('ada');
      const two = await addProducer('bob');
      const subscriptions: [MosSubscription[], number][] = [
        [[{ routerId: router.id }], 2],
        [[{ producerId: one.producer.id }], 1],
        [[{ participantId: 'bob' }], 1],
        [[{ participantId: 'eve' }], 0],
        [[{ routerId: router.id }, { producerId: one.producer.id }, { participantId: 'ada' }], 2],
      ];
      for (const [wanted, expected] of subscriptions) {
        const client = await connect();
        for (const subscription of wanted) await client.subscribe(subscription);
        one.stream.say({ type: 'score' });
        two.stream.say({ type: 'score' });
        await everythingArrived(client);
        assert.equal(client.events.filter(({ type }) => type === 'score').length, expected, JSON.stringify(wanted));
        for (const subscription of wanted) await client.unsubscribe(subscription);
        one.stream.say({ type: 'score' });
        await everythingArrived(client);
        assert.equal(client.events.filter(({ type }) => type === 'score').length, expected, 'after unsubscribe');
      }
    });

    it('takes observers while it runs, and lets them go', async () => {
      attach({ observers: [] });
      const client = await connect();
      await client.subscribe({ routerId: router.id });
      const { stream } = await addProducer();
      stream.say({ type: 'noscore', reason: 'silence' });
      feed.add(observer);
      stream.say({ type: 'noscore', reason: 'no-speech' });
      feed.remove(observer);
      stream.say({ type: 'noscore', reason: 'gap' });
      await everythingArrived(client);
      assert.deepEqual(
        client.events.map(({ type }) => type),
        ['snapshot', 'snapshot', 'noscore', 'producerclose'],
      );
    });

    it('shares a server with socket.io, and leaves other paths to it', async () => {
      attach();
      const namespace = attachMosNamespace({ io: server.io, observers: [observer], authorize: allowAll });
      const { stream } = await addProducer();
      const [plain, other] = [await connect(), await server.connect()];
      await plain.subscribe({ routerId: router.id });
      await subscribe(other, { routerId: router.id });
      const heard = new Promise((resolve) => other.once('score', resolve));
      stream.say({ type: 'score', mosLqo: 3 });
      await everythingArrived(plain);
      assert.deepEqual(plain.events.at(-1), await heard);
      namespace.close();
    });

    it('drops who does not answer whether it is there', async () => {
      attach({ pingIntervalMs: 50 });
      const client = await FeedWebSocket.open(`${server.url}/mos`, { autoPong: false });
      assert.equal((await client.end()).code, 1006);
      assert.equal(feed.clientCount, 0);
    });
  });

  it('streams the scores of a call', { timeout: 30_000 }, async () => {
    const live = await createMosObserver({ router, autoAdd: true, sockets: 1 });
    const talker = await createTalker(router, opusPackets('speech/man-1'), { name: 'ada' });
    try {
      attach({ observers: [live] });
      const client = await connect();
      await client.subscribe({ producerId: talker.producer.id });
      talker.sender.start();
      await until('a score', () => client.events.some(({ type }) => type === 'score'));
      const score = serverMessageSchemas.score.parse(client.events.find(({ type }) => type === 'score'));
      assert.equal(score.producerId, talker.producer.id);
    } finally {
      await talker.close();
      live.close();
      await live.scorer.close();
    }
  });

  describe('authentication and authorisation', () => {
    it('lets nobody hear anything unless told', async () => {
      feed = attachMosWebSocket({ server: server.http, observers: [observer] });
      const { stream } = await addProducer();
      const client = await connect();
      assert.equal(codeOf(await client.subscribe({ routerId: router.id })), 'forbidden');
      stream.say({ type: 'noscore' });
      await everythingArrived(client);
      assert.deepEqual(client.events, []);
    });

    it('lets in whom the application knows, and remembers what it found out', async () => {
      attach({
        authenticate: async (client) => {
          client.data.room = client.handshake.auth.token === 'secret' ? router.id : undefined;
          return client.data.room !== undefined;
        },
        authorize: ({ data }, { routerId }) => routerId === data.room,
      });
      const client = await connect({ token: 'secret' });
      assert.equal(codeOf(await client.subscribe({ routerId: router.id })), 'ok');
      assert.equal(codeOf(await client.subscribe({ routerId: 'another' })), 'forbidden');
      for (const auth of [{ token: 'guess' }, {}, undefined]) {
        const refused = await connect(auth);
        assert.deepEqual(refused.heard, [{ type: 'goodbye', reason: 'unauthenticated' }]);
        assert.deepEqual(await refused.end(), { code: 4401, reason: 'unauthenticated' });
      }
      assert.equal(feed.clientCount, 1);
    });

    it('takes only true for yes', async () => {
      const answers: unknown[] = ['yes', 1, {}, undefined, Promise.resolve('true')];
      attach({ authenticate: () => answers.shift() as never });
      for (let attempt = 0; attempt < 5; attempt++) assert.equal((await (await connect()).end()).code, 4401);
    });

    it('disconnects as unavailable while the application cannot decide who it is', async () => {
      const errors = [() => Promise.reject(new Error('database away')), () => assert.fail('broken')];
      attach({ authenticate: () => (errors.shift() as () => never)() });
      for (let attempt = 0; attempt < 2; attempt++) {
        assert.deepEqual(await (await connect()).end(), { code: 4503, reason: 'unavailable' });
      }
    });

    it('waits only so long for the application to decide', async (test) => {
      test.mock.timers.enable({ apis: ['setTimeout'] });
      let asked = () => {};
      const isAsked = new Promise<void>((resolve) => {
        asked = resolve;
      });
      attach({
        authenticate: () => {
          asked();
          return new Promise<boolean>(() => {});
        },
      });
      const client = await open();
      client.send({ type: 'connect' });
      await isAsked;
      test.mock.timers.tick(10_000);
      test.mock.timers.reset();
      assert.equal((await client.end()).code, 4503);
    });

    it('refuses while the application cannot decide', async () => {
      attach({ authorize: () => Promise.reject(new Error('database away')) });
      assert.equal(codeOf(await (await connect()).subscribe({ routerId: router.id })), 'unavailable');
    });

    it('waits only so long for a client to say who it is', async (test) => {
      test.mock.timers.enable({ apis: ['setTimeout'] });
      attach();
      const client = await open();
      test.mock.timers.tick(10_000);
      test.mock.timers.reset();
      assert.equal((await client.end()).code, 4401);
    });
  });

  describe('a slow subscriber', () => {
    it('is sent no scores, then disconnected with a reason; nobody else notices', async () => {
      const speech = { model: { name: 'x'.repeat(8000), version: '0.0.0' } };
      attach({ maxBacklogBytes: 64 * 1024 });
      const { stream } = await addProducer();
      const [stalled, quick] = [await connect(), await connect()];
      for (const client of [stalled, quick]) await client.subscribe({ routerId: router.id });
      const wakeUp = stalled.stall();
      let scores = 0;
      while (feed.clientCount === 2) {
        stream.say({ type: 'score', ...speech });
        scores += 1;
        if (scores % 20 === 0) stream.say({ type: 'noscore', ...speech });
        await new Promise(setImmediate);
        assert.ok(scores < 100_000, 'never disconnected');
      }
      await everythingArrived(quick);
      assert.equal(quick.events.filter(({ type }) => type === 'score').length, scores);
      wakeUp();
      assert.deepEqual(await stalled.end(), { code: 4408, reason: 'slow' });
      assert.ok(stalled.events.filter(({ type }) => type === 'score').length < scores);
      assert.deepEqual(stalled.heard.at(-1), { type: 'goodbye', reason: 'slow' });
    });
  });

  describe('web pages', () => {
    const openFrom = async (origin: string | undefined, host = new URL(server.url).host) => {
      const headers = { host, ...(origin === undefined ? {} : { origin }) };
      clients.push(await FeedWebSocket.open(`${server.url}/mos`, { headers }));
    };

    it('connect from the server itself and the origins that are given, and no others', async () => {
      attach({ authenticate: () => true, allowedOrigins: ['https://desk.example'] });
      await openFrom(undefined);
      await openFrom(server.url);
      await openFrom('https://desk.example');
      await openFrom('https://calls.example', 'calls.example');
      for (const origin of [
        'https://evil.example',
        'null',
        'http://127.0.0.1:1',
        'https://desk.example.evil.example',
      ]) {
        await assert.rejects(openFrom(origin), /403/, origin);
      }
    });

    it('do not connect by a name of their own where anybody may connect (DNS rebinding)', async () => {
      attach();
      await openFrom('http://localhost:8090', 'localhost:8090');
      await assert.rejects(openFrom('http://evil.example', 'evil.example'), /403/);
      attach({ allowedHosts: ['mos.internal'] });
      await openFrom('http://mos.internal', 'mos.internal');
    });
  });

  describe('hostile clients', () => {
    it('get an error for what is no subscription', async () => {
      attach();
      const client = await connect();
      const wrong = ['router', 0, null, [], {}, { routerId: 5 }, { routerId: '' }, { routerId: 'x'.repeat(257) }];
      const wrongToo = [{ routerId: { $ne: '' } }, { routerId: 'a', producerId: 'b' }, { routerId: 'a', extra: 1 }];
      const polluting = [JSON.parse('{"__proto__":{"routerId":"a"}}'), JSON.parse('{"constructor":{"routerId":"a"}}')];
      for (const subscription of [...wrong, ...wrongToo, ...polluting]) {
        const reply = await client.subscribe(subscription as MosSubscription);
        assert.equal(codeOf(reply), 'bad-request', JSON.stringify(subscription));
      }
      assert.equal(Object.hasOwn(Object.prototype, 'routerId'), false);
    });

    const messages: [string, unknown][] = [
      ['no JSON', 'subscribe'],
      ['nothing', ''],
      ['a number', '1'],
      ['null', 'null'],
      ['a list', '[]'],
      ['nested too deep', '['.repeat(8000)],
      ['an unknown type', { type: 'score' }],
      ['no type', { subscription: { routerId: 'a' } }],
      ['a type of the prototype', { type: '__proto__' }],
      ['more fields', { type: 'subscribe', subscription: { routerId: 'a' }, extra: 1 }],
      ['an id that is an object', { type: 'subscribe', id: {}, subscription: { routerId: 'a' } }],
      ['a long id', { type: 'subscribe', id: 'x'.repeat(65), subscription: { routerId: 'a' } }],
      ['connecting twice', { type: 'connect' }],
      ['binary', Buffer.from('{"type":"unsubscribe","subscription":{"routerId":"a"}}')],
    ];
    for (const [what, message] of messages) {
      it(`are disconnected for ${what}`, async () => {
        attach();
        const client = await connect();
        client.send(message);
        assert.equal((await client.end()).code, 4400);
        assert.equal(feed.clientCount, 0);
      });
    }

    it('are disconnected for a message that is too large', async () => {
      attach();
      const client = await connect();
      client.send('x'.repeat(16 * 1024 + 1));
      assert.equal((await client.end()).code, 1009);
      await until('gone', () => feed.clientCount === 0);
    });

    it('are disconnected for bytes that are no frame', async () => {
      attach();
      const { port } = new URL(server.url);
      const socket = connectTcp(Number(port), '127.0.0.1');
      const key = Buffer.alloc(16).toString('base64');
      const headers = `Host: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}`;
      socket.write(`GET /mos HTTP/1.1\r\n${headers}\r\n\r\n`);
      await once(socket, 'data');
      socket.write(Buffer.alloc(100_000, 0xff));
      await once(
        socket.on('error', () => {}),
        'close',
      );
      await until('gone', () => feed.clientCount === 0);
    });

    it('hear nothing before they said who they are', async () => {
      attach();
      const client = await open();
      client.send({ type: 'subscribe', subscription: { routerId: router.id } });
      assert.equal((await client.end()).code, 4401);
      assert.deepEqual(client.events, [{ type: 'goodbye', reason: 'unauthenticated' }]);
    });

    it('that send too much are disconnected with a reason', async () => {
      attach({ maxSubscriptions: 10 });
      const client = await connect();
      for (let n = 0; n < 5000; n++) client.send({ type: 'subscribe', subscription: { routerId: `${n}` } });
      assert.deepEqual(await client.end(), { code: 4429, reason: 'too-many-requests' });
      assert.ok(client.heard.length < 200);
    });

    it('have a limited number of subscriptions', async () => {
      attach({ maxSubscriptions: 2 });
      const client = await connect();
      const replies = ['a', 'b', 'c', 'a'].map((routerId) => client.subscribe({ routerId }));
      assert.deepEqual((await Promise.all(replies)).map(codeOf), ['ok', 'ok', 'too-many-subscriptions', 'ok']);
    });

    it('are refused where there are too many of them', async () => {
      attach({ maxClients: 1 });
      await connect();
      await assert.rejects(open(), /503/);
    });

    it('keep their place until they are really closed', async () => {
      attach({ maxClients: 1 });
      const stalled = await connect();
      const wakeUp = stalled.stall();
      stalled.send('no JSON');
      await until('dismissed', () => feed.clientCount === 0);
      await assert.rejects(open(), /503/);
      wakeUp();
      await stalled.end();
      await until('let in', () =>
        connect().then(
          () => true,
          () => false,
        ),
      );
    });

    it('do not stay connected when they are refused', async () => {
      attach({ maxClients: 1 });
      await connect();
      const { port } = new URL(server.url);
      const key = Buffer.alloc(16).toString('base64');
      const upgrade = `Host: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}`;
      const connections = () => new Promise<number>((resolve) => server.http.getConnections((_, n) => resolve(n)));
      const before = await connections();
      const sockets = Array.from({ length: 20 }, () => connectTcp({ port: Number(port), allowHalfOpen: true }));
      for (const socket of sockets) {
        socket.on('error', () => {}).write(`GET /mos HTTP/1.1\r\n${upgrade}\r\n\r\n`);
        socket.resume();
      }
      await Promise.all(sockets.map((socket) => once(socket, 'end')));
      await until('closed', async () => (await connections()) === before);
      for (const socket of sockets) socket.destroy();
    });
  });

  describe('wrong arguments', () => {
    const throwing: [string, object, RegExp][] = [
      ['server', { server: {} }, /server must be a http\.Server/],
      ['path', { path: 'mos' }, /path/],
      ['authorize', { authorize: true }, /authorize must be a function/],
      ['maxClients', { maxClients: 0 }, /maxClients/],
      ['pingIntervalMs', { pingIntervalMs: 0.5 }, /pingIntervalMs/],
      ['unknown options', { io: {} }, /io/],
    ];
    for (const [what, options, message] of throwing) {
      it(what, () => {
        assert.throws(
          () => attach(options),
          (error) => (error instanceof TypeError || error instanceof RangeError) && message.test(error.message),
        );
      });
    }
  });

  describe('closing', () => {
    it('tells subscribers of every producer when the router closes', async () => {
      attach();
      await addProducer();
      const client = await connect();
      await client.subscribe({ routerId: router.id });
      router.close();
      await until('close', () => client.events.at(-1)?.type === 'producerclose');
      assert.equal(observer.closed, true);
    });

    it('close disconnects the clients, and leaves server and observer', async () => {
      attach();
      const client = await connect();
      feed.close();
      feed.close();
      assert.deepEqual(await client.end(), { code: 1001, reason: 'closed' });
      assert.equal(feed.closed, true);
      assert.equal(observer.closed, false);
      assert.throws(() => feed.add(observer), { code: 'ERR_INVALID_STATE' });
      assert.equal(server.http.listening, true);
      attach();
      await connect();
    });
  });
});
