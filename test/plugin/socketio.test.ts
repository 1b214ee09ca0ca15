import assert from 'node:assert/strict';
import { type EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { types } from 'mediasoup';
import { Server, type ServerOptions } from 'socket.io';
import { WebSocket } from 'ws';
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
      await until('close', () => heard.at(-1)?.[0] === 'producerclose');
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
          ['producerclose', 'producerclose', origin, 4],
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
          ['producerclose', undefined],
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
      const closed = new Promise<MosCloseEvent>((resolve) => client.once('producerclose', resolve));
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

    it('takes only true for yes', async () => {
      const answers: unknown[] = ['yes', 1, {}, undefined, Promise.resolve('true')];
      attach({ authenticate: () => answers.shift() as never });
      for (let attempt = 0; attempt < 5; attempt++) await assert.rejects(server.connect(), /unauthenticated/);
      assert.equal(answers.length, 0);
    });

    it('refuses as unavailable while the application cannot decide', async () => {
      const errors = [() => Promise.reject(new Error('database away')), () => assert.fail('broken')];
      attach({ authenticate: () => (errors.shift() as () => never)() });
      for (let attempt = 0; attempt < 2; attempt++) await assert.rejects(server.connect(), { message: 'unavailable' });
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

  describe('a connection that is recovered on a calm call', () => {
    const minuteMs = 60_000;

    async function calmCall() {
      await closeRouter();
      await start({ connectionStateRecovery: { maxDisconnectionDuration: 2 * minuteMs } });
      attach();
      const { producer, stream } = await addProducer();
      stream.say({ type: 'noscore', reason: 'silence' });
      const client = await server.connect('/mos');
      await subscribe(client, { routerId: router.id });
      const heard = record(client);
      return { client, heard, producer };
    }

    async function goneMeanwhile(client: FeedClient, meanwhile: () => void) {
      client.io.engine.close();
      await until('the server knows', () => feed.namespace.sockets.size === 0);
      meanwhile();
      client.connect();
      await until('back', () => client.connected);
      assert.equal(client.recovered, true);
    }

    it('has the report of who left meanwhile, though nothing was said since it subscribed', async () => {
      const { client, heard, producer } = await calmCall();
      await goneMeanwhile(client, () => producer.close());
      await until('the end', () => heard.at(-1)?.[0] === 'producerclose');
      assert.deepEqual(
        heard.map(([name]) => name),
        ['report', 'producerclose'],
      );
    });

    it('has it after a long time in which nothing was said', async (test) => {
      test.mock.timers.enable({ apis: ['setInterval', 'Date'], now: Date.now() });
      const { client, heard, producer } = await calmCall();
      const checkpoints = () => heard.filter(([name]) => name === 'checkpoint').length;
      for (let n = 1; n <= 20; n++) {
        test.mock.timers.tick(minuteMs / 2);
        await until('a checkpoint', () => checkpoints() === n);
      }
      await goneMeanwhile(client, () => producer.close());
      await until('the end', () => heard.at(-1)?.[0] === 'producerclose');
      assert.deepEqual(
        heard.map(([name]) => name).filter((name) => name !== 'checkpoint'),
        ['report', 'producerclose'],
      );
    });

    it('sends no checkpoints where connections are not recovered', async () => {
      attach();
      const client = await server.connect('/mos');
      const heard = record(client);
      await subscribe(client, { routerId: router.id });
      await everythingArrived(client);
      assert.deepEqual(
        heard.map(([name]) => name),
        ['snapshot'],
      );
    });
  });

  describe('web pages', () => {
    const connectFrom = (origin: string | undefined, host = new URL(server.url).host) =>
      server.connect('/mos', { extraHeaders: { host, ...(origin === undefined ? {} : { origin }) } });

    it('connect from the server itself, and no others', async () => {
      attach({ authenticate: () => true });
      await connectFrom(undefined);
      await connectFrom(server.url);
      await connectFrom('https://calls.example', 'calls.example');
      await connectFrom('https://calls.example', 'calls.example:443');
      for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1', 'http://127.0.0.1', 'file://', '']) {
        await assert.rejects(connectFrom(origin), { message: 'forbidden-origin' }, origin);
      }
    });

    it('connect from the origins that are given', async () => {
      attach({ authenticate: () => true, allowedOrigins: ['https://calls.example', 'null'] });
      await connectFrom('https://calls.example');
      await connectFrom('null');
      await connectFrom(server.url);
      await assert.rejects(connectFrom('http://calls.example'), { message: 'forbidden-origin' });
      feed.close();
      attach({ allowedOrigins: ['*'] });
      await connectFrom('https://anything.example', 'anything.example');
    });

    it('do not connect by a name of their own where anybody may connect (DNS rebinding)', async () => {
      attach();
      for (const name of ['127.0.0.1', '[::1]:80', 'localhost:80', 'mos.localhost']) {
        await connectFrom(`http://${name}`, name);
      }
      for (const name of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example']) {
        await assert.rejects(connectFrom(`http://${name}`, name), { message: 'forbidden-origin' }, name);
        await assert.rejects(connectFrom(undefined, name), { message: 'forbidden-origin' }, name);
      }
      feed.close();
      attach({ allowedHosts: ['mos.internal'], allowedOrigins: ['https://calls.example'] });
      await connectFrom('http://mos.internal:8090', 'mos.internal:8090');
      await connectFrom('https://calls.example', 'calls.example');
      await assert.rejects(connectFrom(undefined, 'evil.example'), { message: 'forbidden-origin' });
    });
  });

  describe('hostile connections', () => {
    /** A connection without socket.io-client: frames as they stand in the protocol. */
    async function raw() {
      const webSocket = new WebSocket(`${server.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
      clients.push(webSocket);
      const heard: string[] = [];
      let closed = false;
      webSocket.on('message', (data) => heard.push(String(data)));
      webSocket.on('close', () => {
        closed = true;
      });
      webSocket.on('error', () => {});
      await until('a handshake', () => heard.length > 0);
      const sid = JSON.parse((heard[0] as string).slice(1)).sid as string;
      const { clients: engineClients } = server.io.engine as unknown as { clients: Record<string, EventEmitter> };
      return {
        heard,
        conn: engineClients[sid] as EventEmitter,
        isClosed: () => closed,
        send: (frame: string) => webSocket.send(frame),
        /** Sends a frame; resolves when it is answered, or the connection is closed. */
        async ask(frame: string) {
          const before = heard.length;
          webSocket.send(frame);
          await until('an answer', () => heard.length > before || closed);
          return closed ? 'closed' : (heard[before] as string);
        },
      };
    }
    const clients: WebSocket[] = [];
    afterEach(() => {
      for (const client of clients.splice(0)) client.terminate();
    });

    const most = 100 + 2 * 10;
    /** An allowance fills within 10 s. */
    const mostSince = (startMs: number) => most * (1 + (performance.now() - startMs) / 10_000) + 2;
    const limited = { maxSubscriptions: 10 };

    it('that ask to be let in by the thousand in one request are closed before most of it is looked at', async () => {
      let sockets = 0;
      server.io.of('/mos').use((_socket, next) => {
        sockets += 1;
        next();
      });
      let asked = 0;
      attach({
        ...limited,
        authenticate: () => {
          asked += 1;
          return true;
        },
      });
      const polling = `${server.url}/socket.io/?EIO=4&transport=polling`;
      const { sid } = JSON.parse((await (await fetch(polling)).text()).slice(1));
      const { clients } = server.io.engine as unknown as { clients: Record<string, EventEmitter> };
      const conn = clients[sid] as EventEmitter;
      const listeners = conn.listenerCount('packetCreate');
      const body = Array(20_000).fill('40/mos,').join('\x1e');
      await fetch(`${polling}&sid=${sid}`, { method: 'POST', body }).catch(() => {});
      await until('closed', () => !(sid in clients));
      assert.ok(sockets <= most, `${sockets} sockets were made`);
      assert.ok(asked <= 1, `${asked} times authenticated`);
      assert.equal(feed.namespace.sockets.size, 0);
      assert.ok(conn.listenerCount('packetCreate') <= listeners, 'listeners stay');
    });

    it('are members once', async () => {
      let decide: (allowed: boolean) => void = () => {};
      const authenticate = () =>
        new Promise<boolean>((resolve) => {
          decide = resolve;
        });
      attach({ authenticate });
      const undecided = await raw();
      undecided.send('40/mos,');
      undecided.send('40/mos,');
      await until('closed', undecided.isClosed);
      decide(true);
      const joined = await raw();
      const answer = joined.ask('40/mos,');
      await until('asked', () => feed.clientCount > 0);
      await new Promise(setImmediate);
      decide(true);
      assert.match(await answer, /^40\/mos,/);
      assert.equal(feed.namespace.sockets.size, 1);
      assert.equal(await joined.ask('40/mos,'), 'closed');
      await until('left', () => feed.namespace.sockets.size === 0);
    });

    it('have so many guesses', async () => {
      let guesses = 0;
      attach({
        ...limited,
        authenticate: () => {
          guesses += 1;
          return false;
        },
      });
      const client = await raw();
      const startMs = performance.now();
      while ((await client.ask(`40/mos,{"token":"${guesses}"}`)) !== 'closed')
        assert.ok(guesses < 1000, 'never closed');
      assert.ok(guesses >= most && guesses <= mostSince(startMs), `${guesses} guesses`);
    });

    it('have one allowance and one set of listeners, however often they join and leave', async () => {
      attach(limited);
      const client = await raw();
      await client.ask('40/mos,');
      const names = ['packet', 'packetCreate', 'flush', 'close'];
      const listeners = () => names.map((name) => client.conn.listenerCount(name));
      const first = listeners();
      let requests = 1;
      const startMs = performance.now();
      for (let round = 0; !client.isClosed(); round++) {
        client.send('41/mos,');
        assert.ok(round < 1000, 'never closed');
        if ((await client.ask('40/mos,')) === 'closed') break;
        for (let n = 0; n < 5; n++) client.send('42/mos,["unsubscribe",{"routerId":"a"}]');
        requests += 6;
        assert.deepEqual(listeners(), first);
      }
      assert.ok(requests <= mostSince(startMs) + 6, `${requests} requests`);
    });

    it('are refused where there are too many of them, until one is really closed', async () => {
      attach({ maxClients: 1 });
      const first = await raw();
      assert.match(await first.ask('40/mos,'), /^40\/mos,/);
      assert.equal(feed.clientCount, 1);
      await assert.rejects(server.connect(), { message: 'unavailable' });
      // It left the namespace, and is there all the same.
      first.send('41/mos,');
      await until('left', () => feed.namespace.sockets.size === 0);
      await assert.rejects(server.connect(), { message: 'unavailable' });
      assert.match(await first.ask('40/mos,'), /^40\/mos,/);
      for (const webSocket of clients) webSocket.terminate();
      await until('closed', () => feed.clientCount === 0);
      await server.connect();
    });

    it('keep their place while they do not answer that they are being closed', async () => {
      attach({ maxClients: 1 });
      const stalled = await server.connect();
      const wakeUp = stall(stalled);
      feed.namespace.sockets.get(stalled.id as string)?.disconnect(true);
      await new Promise((resolve) => setImmediate(resolve));
      await assert.rejects(server.connect(), { message: 'unavailable' });
      wakeUp();
      await until('closed', () => feed.clientCount === 0);
    });

    it('are limited too where the server gets its engine after the feed', async () => {
      const http = createServer();
      const late = new Server();
      let guesses = 0;
      const own = attachMosNamespace({
        io: late,
        ...limited,
        authenticate: () => {
          guesses += 1;
          return false;
        },
      });
      late.attach(http);
      http.listen(0, '127.0.0.1');
      await once(http, 'listening');
      const { port } = http.address() as AddressInfo;
      const webSocket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
      try {
        const closed = once(webSocket, 'close');
        const startMs = performance.now();
        webSocket.on('message', () => webSocket.send('40/mos,'));
        await closed;
        assert.ok(guesses >= most && guesses <= mostSince(startMs), `${guesses} guesses`);
      } finally {
        own.close();
        await late.close();
      }
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
      ['maxClients', { maxClients: 0 }, /maxClients/],
      ['allowedOrigins', { allowedOrigins: 'https://a.example' }, /allowedOrigins must be an array/],
      ['an origin', { allowedOrigins: ['https://a.example/'] }, /allowedOrigins: 'https:\/\/a\.example\/' is not an/],
      ['allowedHosts', { allowedHosts: ['a.example:80'] }, /allowedHosts: 'a\.example:80' is not a host name/],
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
      await until('close events', () => heard.filter(([name]) => name === 'producerclose').length === 2);
    });

    it('the router closes the observer, and the worker the router', async () => {
      attach();
      await addProducer();
      const client = await server.connect();
      await subscribe(client, { routerId: router.id });
      const heard = record(client);
      router.close();
      await until('close event', () => heard.at(-1)?.[0] === 'producerclose');
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
