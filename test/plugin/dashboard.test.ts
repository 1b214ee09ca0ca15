import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, afterEach, before, beforeEach, describe, it, mock } from 'node:test';
import { createMosDashboard, type MosDashboard, type MosDashboardOptions } from '../../plugin/dashboard/dashboard.ts';
import { History } from '../../plugin/dashboard/history.ts';
import { type HistoryReply, historySpan } from '../../plugin/dashboard/history-reply.ts';
import type { MosNoScoreEvent, MosObserverEvents, MosObserverObserverEvents } from '../../plugin/index.ts';
import { allowAll } from '../../plugin/index.ts';
import { SafeEmitter } from '../../src/base/emitter.ts';
import { SimulatedCall } from '../support/simulated-call.ts';
import { until } from '../support/waiting.ts';

describe('the dashboard, mounted in a server', () => {
  let call: SimulatedCall;
  let server: Server;
  let origin: string;
  let dashboard: MosDashboard;
  /** What the server does with a request. */
  let answer: Parameters<typeof createServer>[1];

  before(async () => {
    call = await SimulatedCall.create(3);
  });
  after(() => call.close());
  beforeEach(async () => {
    server = createServer((incoming, response) => answer?.(incoming, response as never));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    dashboard?.close();
    server.closeAllConnections();
    server.close();
  });

  const mount = (options: MosDashboardOptions = {}) => {
    dashboard = createMosDashboard({
      observers: [call.observer],
      authorize: ({ handshake }) => handshake.auth.token === 'good',
      ...options,
    });
    answer = (incoming, response) => dashboard.handle(incoming, response);
  };
  const get = (path: string, init: RequestInit = {}) => fetch(`${origin}${path}`, { redirect: 'manual', ...init });
  const history = (query: string, token?: string) =>
    get(`/history?${query}`, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });

  describe('works', () => {
    it('serves the page and its files, and nothing else', async () => {
      mount();
      for (const [path, type] of [
        ['/', 'text/html; charset=utf-8'],
        ['/mos-dashboard.js', 'text/javascript; charset=utf-8'],
        ['/page.css', 'text/css; charset=utf-8'],
        ['/icon.svg', 'image/svg+xml'],
      ] as const) {
        const response = await get(path);
        assert.equal(response.status, 200, path);
        assert.equal(response.headers.get('content-type'), type);
        assert.ok((await response.text()).length > 0);
      }
      for (const path of ['/dashboard.ts', '/../package.json', '/%2e%2e/package.json', '/mos-dashboard.js/']) {
        assert.equal((await get(path)).status, 404, path);
      }
    });

    it('says with a strict policy what the page may do, and who may show it in a frame', async () => {
      mount({ frameAncestors: ["'self'", 'https://desk.example'] });
      const policy = (await get('/')).headers.get('content-security-policy') ?? '';
      assert.match(policy, /default-src 'none'/);
      assert.match(policy, /script-src 'self'(;|$)/);
      assert.match(policy, /frame-ancestors 'self' https:\/\/desk\.example(;|$)/);
      assert.doesNotMatch(policy, /unsafe|\*/);
    });

    it('is cached until it changes', async () => {
      mount();
      const first = await get('/mos-dashboard.js');
      const etag = first.headers.get('etag') ?? '';
      const second = await get('/mos-dashboard.js', { headers: { 'if-none-match': etag } });
      assert.deepEqual([second.status, await second.text()], [304, '']);
    });

    it('answers HEAD without a body, and no other method', async () => {
      mount();
      const head = await get('/', { method: 'HEAD' });
      assert.deepEqual([head.status, await head.text()], [200, '']);
      const post = await get('/', { method: 'POST', body: 'x' });
      assert.deepEqual([post.status, post.headers.get('allow')], [405, 'GET, HEAD']);
    });

    it('lies below a path, as a folder', async () => {
      mount({ basePath: '/quality' });
      assert.equal((await get('/quality/mos-dashboard.js')).status, 200);
      const bare = await get('/quality');
      assert.deepEqual([bare.status, bare.headers.get('location')], [308, './quality/']);
      assert.equal((await get('/qualityx')).status, 404);
      assert.equal((await get('/')).status, 404);
    });

    it('is mounted by Express and the like: path taken from `url`, what is not its own handed on', async () => {
      mount();
      answer = (incoming, response) => {
        const path = incoming.url ?? '';
        Object.assign(incoming, { originalUrl: path, url: path.slice('/quality'.length) || '/' });
        dashboard.handle(incoming, response, () => response.writeHead(418).end());
      };
      assert.equal((await get('/quality/')).status, 200);
      assert.equal((await get('/quality')).headers.get('location'), './quality/');
      assert.equal((await get('/quality/other')).status, 418);
    });

    it('remembers what was said, for whoever may hear it', async () => {
      mount();
      call.step();
      const { routerId, snapshot } = call.observer;
      const response = await history(`routerId=${routerId}`, 'good');
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('cache-control'), 'no-store');
      const { producers, nowMs } = (await response.json()) as HistoryReply;
      assert.deepEqual(
        producers.map(({ producerId, participantId }) => [producerId, participantId]),
        snapshot.map(({ producerId, participantId }) => [producerId, participantId]),
      );
      for (const [index, { firstBucket, points }] of producers.entries()) {
        const copy = new History(historySpan);
        copy.unpack({ firstBucket, bytes: Buffer.from(points, 'base64') });
        const [part] = copy.parts(nowMs - 60_000, nowMs);
        const status = snapshot[index]?.status;
        if (status?.type === 'noscore') assert.equal(part?.type === 'noscore' && part.reason, status.reason);
        else assert.equal(part?.type, 'scores');
      }
    });

    it('lists the routers that the caller may subscribe to', async () => {
      mount();
      const routers = (token?: string) =>
        get('/routers', token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });
      assert.deepEqual(await (await routers('good')).json(), { routerIds: [call.router.id] });
      assert.equal((await routers('bad')).status, 403);
      assert.equal((await routers()).status, 401);
    });

    it('answers for a participant or a producer alone', async () => {
      mount();
      call.step();
      const { producerId } = call.observer.snapshot[1] ?? assert.fail('nobody');
      for (const query of [`producerId=${producerId}`, `participantId=${encodeURIComponent('Participant 2')}`]) {
        const { producers } = (await (await history(query, 'good')).json()) as HistoryReply;
        assert.deepEqual(
          producers.map((producer) => producer.producerId),
          [producerId],
        );
      }
    });

    it('remembers those who left, with when', async () => {
      const own = await SimulatedCall.create(2);
      mount({ observers: [own.observer] });
      own.step();
      own.leave(0);
      const { producers } = (await (await history(`routerId=${own.observer.routerId}`, 'good')).json()) as HistoryReply;
      assert.deepEqual(
        producers.map(({ closedAtMs }) => closedAtMs !== undefined),
        [true, false],
      );
      await own.close();
      const later = (await (await history(`routerId=${own.router.id}`, 'good')).json()) as HistoryReply;
      assert.ok(later.producers.every(({ closedAtMs }) => closedAtMs !== undefined));
    });
  });

  describe('with a large router', () => {
    const producers = 1000;
    const pack = mock.method(History.prototype, 'pack');
    /** A source of nothing but what the test emits. */
    const source = () =>
      Object.assign(new SafeEmitter<MosObserverEvents>(), {
        closed: false,
        routerId: 'r',
        current: [],
        snapshot: [],
        observer: new SafeEmitter<MosObserverObserverEvents>(),
      });
    const noScore = (producerId: string, time: number): MosNoScoreEvent => ({
      ...{ type: 'noscore', producerId, routerId: 'r', sequence: 0, time, reason: 'silence', since: time },
      ...{ network: { lossRatio: 0, burstRatio: 1, jitterMs: 0, mosCqe: 4.4 }, model: { name: 'm', version: '1.0.0' } },
    });
    const mountLarge = (options: MosDashboardOptions = {}) => {
      const large = source();
      mount({ observers: [large], authorize: () => true, ...options });
      for (let n = 0; n < producers; n++) large.safeEmit('noscore', noScore(`p${n}`, Date.now() - 3_500_000));
      pack.mock.resetCalls();
    };
    after(() => pack.mock.restore());

    /** A connection that sends so many requests at once. */
    const pipeline = async (requests: number) => {
      const { port } = server.address() as AddressInfo;
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      socket.write('GET /history?routerId=r HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(requests));
      return socket;
    };

    it('makes a reply piece by piece, while the event loop goes on', async () => {
      mountLarge();
      let turn = 0;
      const packsByTurn = new Map<number, number>();
      let counting = true;
      const count = () => {
        packsByTurn.set(turn++, pack.mock.callCount());
        if (counting) setImmediate(count);
      };
      count();
      const replies = await Promise.all([1, 2, 3].map(() => history('routerId=r')));
      const bodies = (await Promise.all(replies.map((reply) => reply.json()))) as HistoryReply[];
      counting = false;
      for (const body of bodies) assert.equal(body.producers.length, producers);
      const counts = [...packsByTurn.values()];
      const most = Math.max(...counts.map((packs, index) => packs - (counts[index - 1] ?? 0)));
      assert.ok(most <= 60, `${most} histories packed in one turn`);
    });

    it('makes one reply of a connection at a time, as fast as it is read', async () => {
      mountLarge();
      const socket = await pipeline(180);
      socket.pause();
      await until('a first reply', () => pack.mock.callCount() > 0);
      let packed = -1;
      await until('no more is made', async () => {
        const before = packed;
        packed = pack.mock.callCount();
        await new Promise((resolve) => setTimeout(resolve, 100));
        return packed === before;
      });
      assert.ok(packed <= 4 * producers, `${packed} histories packed for a connection that reads nothing`);
      socket.destroy();
    });

    it('answers so many requests of a connection, and 429 to the rest', async () => {
      let asked = 0;
      mountLarge({
        authorize: () => {
          asked += 1;
          return false;
        },
      });
      const socket = await pipeline(180);
      let text = '';
      socket.on('data', (data) => {
        text += data;
      });
      const answers = () => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
      await until('all are answered', () => answers().length === 180);
      assert.ok(asked >= 20 && asked < 60, `asked ${asked} times`);
      assert.equal(answers().filter((status) => status === '401').length, asked);
      assert.equal(answers().filter((status) => status === '429').length, 180 - asked);
      assert.match(text, /retry-after: 1\r\n/i);
      socket.destroy();
    });

    it('ends with the connection of a reader that is gone', async () => {
      mountLarge();
      const socket = await pipeline(20);
      await once(socket, 'data');
      socket.destroy();
      assert.equal((await history('routerId=r')).status, 200);
    });

    it('keeps its hour when the clock is set', async (test) => {
      const own = source();
      mount({ observers: [own], authorize: () => true });
      const nowMs = Date.now();
      const say = (mosLqo: number, time: number) =>
        own.safeEmit('score', {
          ...noScore('p', time),
          ...{ type: 'score', windowStart: time - 8000, windowEnd: time, speechMs: 7680, mosLqo },
          interval: { lower: mosLqo - 0.5, upper: mosLqo + 0.5, coverage: 0.9 },
        } as never);
      say(2, nowMs - 600_000);
      // An event whose clock is ahead, then the system's own clock.
      say(3, nowMs + 86_400_000);
      test.mock.timers.enable({ apis: ['Date'], now: nowMs + 86_400_000 });
      say(4, nowMs + 86_400_000);
      const reply = (await (await history('routerId=r')).json()) as HistoryReply;
      test.mock.timers.reset();
      assert.equal(reply.nowMs, nowMs + 86_400_000);
      const [{ firstBucket, points } = assert.fail('nobody')] = reply.producers;
      const copy = new History(historySpan);
      copy.unpack({ firstBucket, bytes: Buffer.from(points, 'base64') });
      const ages = copy
        .parts(reply.nowMs - historySpan.spanMs, reply.nowMs + 10_000)
        .flatMap((part) => (part.type === 'scores' ? part.points : []))
        .map(({ atMs }) => reply.nowMs - atMs);
      assert.equal(ages.length, 2); // the last two within 5 s
      assert.ok(Math.abs((ages[0] ?? 0) - 600_000) <= 10_000, `${ages}`);
      assert.ok(Math.abs(ages[1] ?? 1e9) <= 10_000, `${ages}`);
    });
  });

  describe('refuses', () => {
    it('everybody by default', async () => {
      dashboard = createMosDashboard({ observers: [call.observer] });
      answer = (incoming, response) => dashboard.handle(incoming, response);
      assert.equal((await history(`routerId=${call.router.id}`)).status, 401);
      assert.equal((await history(`routerId=${call.router.id}`, 'good')).status, 403);
    });

    it('who is not allowed, and who cannot be judged', async () => {
      mount();
      const query = `routerId=${call.router.id}`;
      const missing = await history(query);
      assert.deepEqual([missing.status, missing.headers.get('www-authenticate')], [401, 'Bearer']);
      assert.equal((await history(query, 'bad')).status, 403);
      mount({ authenticate: () => false });
      assert.equal((await history(query, 'good')).status, 403);
      // Anything but true is no.
      mount({ authorize: () => 'yes' as never });
      assert.equal((await history(query, 'good')).status, 403);
      mount({ authorize: () => Promise.reject(new Error('the database is down')) });
      const undecided = await history(query, 'good');
      assert.equal(undecided.status, 503);
      assert.doesNotMatch(await undecided.text(), /database/);
    });

    it('whoever calls the server by another name, where everybody may read (DNS rebinding)', async () => {
      const { port } = server.address() as AddressInfo;
      const statusFor = async (host: string) => {
        const statuses = ['/history?routerId=a', '/routers'].map(async (path) => {
          const sent = request({ host: '127.0.0.1', port, path, headers: { host } });
          sent.end();
          const [response] = await once(sent, 'response');
          response.resume();
          return response.statusCode;
        });
        const [history, routers] = await Promise.all(statuses);
        assert.equal(routers, history);
        return history;
      };
      mount({ authorize: allowAll, allowedHosts: ['mos.internal'] });
      assert.deepEqual(
        await Promise.all(['127.0.0.1', 'localhost:80', 'mos.internal', 'evil.example'].map(statusFor)),
        [200, 200, 200, 403],
      );
    });

    for (const query of [
      '',
      'routerId=',
      'routerId=a&producerId=b',
      'room=a',
      `routerId=${'x'.repeat(257)}`,
      '__proto__=a',
      'routerId=%00%ff&x',
    ]) {
      it(`'${query.slice(0, 40)}' as a subscription`, async () => {
        mount({ authorize: () => true });
        assert.equal((await history(query, 'good')).status, 400);
      });
    }

    it('a target that is no path', async () => {
      mount();
      const { port } = server.address() as AddressInfo;
      for (const path of ['*', 'http://elsewhere/', '//evil.example/..', '/\\evil']) {
        const sent = request({ host: '127.0.0.1', port, path });
        sent.end();
        const [response] = await once(sent, 'response');
        response.resume();
        assert.equal(response.statusCode, 404, path);
      }
    });
  });

  describe('with wrong options', () => {
    for (const [options, message] of [
      [{ authorise: () => true }, /unknown option 'authorise' in createMosDashboard/],
      [{ authorize: true }, /authorize must be a function, got boolean/],
      [{ authenticate: 'me' }, /authenticate must be a function, got string/],
      [{ basePath: 'quality' }, /basePath must begin with '\/', got 'quality'/],
      [{ frameAncestors: 'https://a' }, /frameAncestors must be an array/],
      [{ frameAncestors: ["'self'; script-src *"] }, /frameAncestors: ''self'; script-src \*' is no CSP source/],
      [{ maxProducers: 0 }, /maxProducers must be 1 to/],
    ] as const) {
      it(`${Object.keys(options)}: ${Object.values(options)} throws an error that says so`, () => {
        assert.throws(() => createMosDashboard(options as never), { message });
      });
    }
  });

  describe('closed', () => {
    it('answers no more, listens no more, and takes no observer', async () => {
      const listeners = call.observer.listenerCount('score');
      mount();
      assert.equal(call.observer.listenerCount('score'), listeners + 1);
      dashboard.close();
      dashboard.close();
      assert.equal(dashboard.closed, true);
      assert.equal(call.observer.listenerCount('score'), listeners);
      assert.equal((await get('/')).status, 503);
      assert.throws(() => dashboard.add(call.observer), { name: 'InvalidStateError' });
    });

    it('leaves an observer that closes', async () => {
      const own = await SimulatedCall.create(1);
      mount({ observers: [own.observer] });
      await own.close();
      assert.equal(own.observer.listenerCount('score'), 0);
      assert.throws(() => dashboard.add(own.observer), { name: 'InvalidStateError' });
    });
  });
});
