import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { types } from 'mediasoup';
import { Server } from 'socket.io';
import { MosClient, MosClientError, type MosClientOptions } from '../../plugin/client/index.ts';
import {
  allowAll,
  attachMosNamespace,
  type MosNamespace,
  type MosNamespaceOptions,
  type MosObserver,
} from '../../plugin/index.ts';
import type { FeedServer } from '../support/feed-server.ts';
import { startWorker } from '../support/media-server.ts';
import { type ObservedRouter, startObservedRouter } from '../support/observed-router.ts';
import { until } from '../support/waiting.ts';

describe('the client', () => {
  let worker: types.Worker;
  let server: FeedServer;
  let router: types.Router;
  let observer: MosObserver;
  let addProducer: ObservedRouter['addProducer'];
  let closeRouter: ObservedRouter['close'];
  let feed: MosNamespace;
  const clients: MosClient[] = [];

  before(async () => {
    worker = await startWorker();
  });
  after(() => worker.close());

  beforeEach(async () => {
    ({ server, router, observer, addProducer, close: closeRouter } = await startObservedRouter(worker));
    attach();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    feed.close();
    await closeRouter();
  });

  function attach(options: Partial<MosNamespaceOptions> = {}): void {
    feed?.close();
    feed = attachMosNamespace({ io: server.io, observers: [observer], authorize: allowAll, ...options });
  }

  function connect(options: MosClientOptions = {}): MosClient {
    const settings = { forceNew: true, reconnectionDelay: 10, transports: ['websocket'], ...options };
    const client = new MosClient(`${server.url}/mos`, settings);
    clients.push(client);
    return client;
  }

  describe('works', () => {
    it('tells what is known first, then what happens, and holds what is known now', async () => {
      const { producer, stream } = await addProducer('ada');
      stream.say({ type: 'noscore', reason: 'too-short' });
      const mos = connect();
      const told: unknown[] = [];
      mos.on('snapshot', ({ producers }) => told.push(producers.map(({ status }) => status?.sequence)));
      mos.on('score', ({ mosLqo, participantId }) => told.push([participantId, mosLqo]));
      mos.on('producerclose', ({ producerId }) => told.push(producerId));
      await mos.subscribe({ routerId: router.id });
      assert.equal(mos.producers.get(producer.id)?.nextSequence, 1);
      stream.say({ type: 'score', mosLqo: 4.2 });
      await until('a score', () => mos.producers.get(producer.id)?.status?.type === 'score');
      producer.close();
      await until('close', () => mos.producers.size === 0);
      assert.deepEqual(told, [[0], ['ada', 4.2], producer.id]);
    });

    it('tells the listeners of a subscription what belongs to it', async () => {
      const [ada, bob] = [await addProducer('ada'), await addProducer('bob')];
      const mos = connect();
      const told: string[] = [];
      await mos.subscribe(
        { participantId: 'ada' },
        { noscore: ({ participantId }) => told.push(`1 ${participantId}`) },
      );
      await mos.subscribe(
        { producerId: bob.producer.id },
        { noscore: ({ participantId }) => told.push(`2 ${participantId}`) },
      );
      const both = await mos.subscribe(
        { routerId: router.id },
        { noscore: ({ participantId }) => told.push(`3 ${participantId}`) },
      );
      for (const { stream } of [ada, bob]) stream.say({ type: 'noscore', reason: 'silence' });
      await until('all', () => told.length === 4);
      both.close();
      for (const { stream } of [ada, bob]) stream.say({ type: 'noscore', reason: 'no-speech' });
      await until('the rest', () => told.length === 6);
      assert.deepEqual(told, ['1 ada', '3 ada', '2 bob', '3 bob', '1 ada', '2 bob']);
    });

    it('gives a second listener of a subscription what is known, without asking the server', async () => {
      const { stream } = await addProducer('ada');
      stream.say({ type: 'noscore' });
      const mos = connect();
      await mos.subscribe({ routerId: router.id });
      let known = 0;
      const second = await mos.subscribe(
        { routerId: router.id },
        { snapshot: ({ producers }) => (known = producers.length) },
      );
      assert.equal(known, 1);
      second.close();
      assert.equal(mos.producers.size, 1);
    });

    it('forgets the producers of a subscription that ends, and hears no more of them', async () => {
      const { stream } = await addProducer('ada');
      stream.say({ type: 'noscore' });
      const mos = connect();
      const subscription = await mos.subscribe({ routerId: router.id });
      subscription.close();
      subscription.close();
      assert.equal(mos.producers.size, 0);
      await until('the server knows', () =>
        [...feed.namespace.sockets.values()].every(({ rooms }) => rooms.size === 1),
      );
    });

    it('uses the connection of the application where it is given one', async () => {
      await addProducer('ada');
      const socket = await server.connect();
      const mos = new MosClient(socket);
      await mos.subscribe({ routerId: router.id });
      mos.close();
      assert.equal(socket.connected, true);
      await until('unsubscribed', () => [...feed.namespace.sockets.values()].every(({ rooms }) => rooms.size === 1));
    });

    it('goes on when a listener throws, which is reported as uncaught', async (test) => {
      const uncaught: unknown[] = [];
      const queue = queueMicrotask;
      test.mock.method(globalThis, 'queueMicrotask', (task: () => void) => {
        queue(() => {
          try {
            task();
          } catch (error) {
            uncaught.push(error);
          }
        });
      });
      const { stream } = await addProducer('ada');
      const mos = connect();
      const told: number[] = [];
      await mos.subscribe({ routerId: router.id }, { noscore: () => assert.fail('broken listener') });
      mos.on('noscore', ({ sequence }) => told.push(sequence));
      stream.say({ type: 'noscore', reason: 'silence' });
      stream.say({ type: 'noscore', reason: 'no-speech' });
      await until('both', () => told.length === 2);
      assert.match(String(uncaught), /broken listener.*broken listener/);
    });
  });

  describe('reconnecting', () => {
    it('subscribes again, is told what holds now, and of who left meanwhile', { timeout: 30_000 }, async () => {
      const [ada, bob] = [await addProducer('ada'), await addProducer('bob')];
      for (const { stream } of [ada, bob]) stream.say({ type: 'noscore', reason: 'too-short' });
      const mos = connect();
      await mos.subscribe({ routerId: router.id });
      const told: string[] = [];
      mos.on('producerclose', ({ participantId }) => told.push(`close ${participantId}`));
      mos.on('noscore', ({ participantId, reason }) => told.push(`${participantId} ${reason}`));
      const back = new Promise<void>((resolve) => mos.on('snapshot', () => resolve()));
      mos.socket.io.engine.close();
      ada.stream.say({ type: 'noscore', reason: 'silence' });
      bob.producer.close();
      await back;
      const status = mos.producers.get(ada.producer.id)?.status;
      assert.equal(status?.type === 'noscore' && status.reason, 'silence');
      ada.stream.say({ type: 'noscore', reason: 'no-speech' });
      await until('bob left', () => told.includes('close bob'));
      assert.deepEqual(told, ['ada no-speech', 'close bob']);
      assert.deepEqual([...mos.producers.keys()], [ada.producer.id]);
    });

    it('comes back after the server ended the connection, and says why it did', async () => {
      await addProducer('ada');
      const mos = connect();
      await mos.subscribe({ routerId: router.id });
      const ended = new Promise((resolve) => mos.on('disconnect', resolve));
      const back = new Promise<void>((resolve) => mos.on('connect', resolve));
      attach();
      assert.deepEqual(await ended, { reason: 'closed' });
      await back;
      await until('subscribed', () => feed.namespace.adapter.rooms.has(`mos:routerId:${router.id}`));
    });

    it('says so when what held before is refused', async () => {
      let allowed = true;
      attach({ authorize: () => allowed });
      const { stream } = await addProducer('ada');
      stream.say({ type: 'noscore' });
      const mos = connect();
      await mos.subscribe({ routerId: router.id });
      const refused = new Promise((resolve) => mos.on('error', resolve));
      allowed = false;
      mos.socket.io.engine.close();
      const { code, subscription } = (await refused) as { code: string; subscription: object };
      assert.deepEqual([code, subscription], ['forbidden', { routerId: router.id }]);
      assert.equal(mos.producers.size, 0);
    });

    it('asks again where the server could not decide', async () => {
      let asked = 0;
      attach({
        authorize: () => {
          asked += 1;
          if (asked === 1) throw new Error('database away');
          return true;
        },
      });
      await connect().subscribe({ routerId: router.id });
      assert.equal(asked, 2);
    });
  });

  describe('not answered', () => {
    /** A server that is started later, on the port that is given. */
    async function later(port: number) {
      const http = createServer();
      const io = new Server(http);
      const late = attachMosNamespace({ io, observers: [observer], authorize: allowAll });
      http.listen(port, '127.0.0.1');
      await once(http, 'listening');
      return async () => {
        late.close();
        await io.close();
      };
    }

    async function freePort(): Promise<number> {
      const probe = createServer().listen(0, '127.0.0.1');
      await once(probe, 'listening');
      const { port } = probe.address() as AddressInfo;
      probe.close();
      await once(probe, 'close');
      return port;
    }

    it('says so after a time where no server is, goes on trying, and has the subscription then', async () => {
      const port = await freePort();
      const settings = { forceNew: true, reconnectionDelay: 10, reconnectionDelayMax: 50, connectTimeoutMs: 200 };
      const mos = new MosClient(`http://127.0.0.1:${port}/mos`, settings);
      clients.push(mos);
      const snapshots: unknown[] = [];
      await assert.rejects(mos.subscribe({ routerId: router.id }, { snapshot: (event) => snapshots.push(event) }), {
        name: 'MosClientError',
        code: 'unreachable',
        message: /^no connection within 200 ms: xhr poll error; trying on$/,
        subscription: { routerId: router.id },
      });
      const close = await later(port);
      await until('a snapshot', () => snapshots.length === 1);
      mos.close();
      await close();
    });

    it('says so where the path is another', async () => {
      server.http.on('request', ({ url = '' }, response) => {
        if (url.startsWith('/elsewhere/')) response.writeHead(404).end();
      });
      const mos = connect({ path: '/elsewhere/', transports: ['polling'], connectTimeoutMs: 200 });
      await assert.rejects(mos.subscribe({ routerId: router.id }), { code: 'unreachable' });
    });

    it('is forgotten by the handle of the error', async () => {
      const port = await freePort();
      const settings = { forceNew: true, reconnectionDelay: 10, reconnectionDelayMax: 50, connectTimeoutMs: 2000 };
      const mos = new MosClient(`http://127.0.0.1:${port}/mos`, settings);
      clients.push(mos);
      const snapshots: unknown[] = [];
      const error = await mos
        .subscribe({ routerId: router.id }, { snapshot: (event) => snapshots.push(event) })
        .catch((thrown: MosClientError) => thrown);
      assert.ok(error instanceof MosClientError);
      error.handle?.close();
      const close = await later(port);
      await mos.subscribe({ routerId: router.id });
      assert.deepEqual(snapshots, []);
      mos.close();
      await close();
    });

    it('tries again where the server cannot decide who it is', async () => {
      let asked = 0;
      attach({
        authenticate: () => {
          asked += 1;
          if (asked === 1) throw new Error('database late');
          return true;
        },
      });
      await connect().subscribe({ routerId: router.id });
      assert.equal(asked, 2);
    });

    it('says so where the server goes on not deciding', async () => {
      attach({ authenticate: () => Promise.reject(new Error('database away')) });
      await assert.rejects(connect({ connectTimeoutMs: 200 }).subscribe({ routerId: router.id }), {
        code: 'unavailable',
        message: /^the server did not decide within 200 ms; trying on$/,
      });
      attach({ authorize: () => Promise.reject(new Error('database away')) });
      await assert.rejects(connect({ connectTimeoutMs: 200 }).subscribe({ routerId: router.id }), {
        code: 'unavailable',
      });
    });

    it('takes no time that is none', () => {
      for (const connectTimeoutMs of [0, Number.NaN, 2 ** 31]) {
        assert.throws(() => connect({ connectTimeoutMs }), {
          name: 'RangeError',
          message: /connectTimeoutMs must be 1 to/,
        });
      }
    });
  });

  describe('refused', () => {
    it('a subscription that is not allowed', async () => {
      attach({ authorize: () => false });
      const mos = connect();
      const subscription = { routerId: router.id };
      await assert.rejects(mos.subscribe(subscription), { name: 'MosClientError', code: 'forbidden', subscription });
    });

    it('a connection that is not allowed', async () => {
      attach({ authenticate: () => false });
      const mos = connect();
      await assert.rejects(mos.subscribe({ routerId: router.id }), { code: 'unauthenticated' });
    });

    it('what is no subscription', async () => {
      const mos = connect();
      for (const wrong of [{}, { routerId: '' }, { routerId: 'a', producerId: 'b' }, { streamId: 'a' }, undefined]) {
        await assert.rejects(mos.subscribe(wrong as never), TypeError);
      }
    });

    it('everything once it is closed', async () => {
      const mos = connect();
      const waiting = mos.subscribe({ routerId: router.id });
      mos.close();
      mos.close();
      await assert.rejects(waiting, { code: 'closed' });
      await assert.rejects(mos.subscribe({ routerId: router.id }), { code: 'closed' });
      assert.equal(mos.closed, true);
    });
  });
});
