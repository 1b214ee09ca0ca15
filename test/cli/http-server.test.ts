import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { after, afterEach, before, describe, it } from 'node:test';
import { Registry } from 'prom-client';
import { WebSocket } from 'ws';
import { FeedServer, type FeedServerOptions } from '../../cli/serve/http-server.ts';
import { MosClient } from '../../plugin/client/index.ts';
import { MosHealth } from '../../plugin/index.ts';
import { SimulatedCall } from '../support/simulated-call.ts';

describe("the HTTP server of 'serve'", () => {
  let call: SimulatedCall;
  let server: FeedServer;

  before(async () => {
    call = await SimulatedCall.create(2);
  });
  after(() => call.close());
  afterEach(() => server.close());

  const open = async (options: Partial<FeedServerOptions> = {}) => {
    server = await FeedServer.open({
      ...{ address: '127.0.0.1', port: 0, token: undefined, source: call.observer, health: new MosHealth() },
      ...{ registry: new Registry(), pathPrefix: '', origins: [], ...options },
    });
  };

  /** Status and headers of a request, with any Host and Origin. */
  async function ask(path: string, headers: Record<string, string> = {}, method = 'GET') {
    const sent = request({ host: '127.0.0.1', port: server.port, path, method, headers });
    sent.end();
    const [response] = await once(sent, 'response');
    response.resume();
    return { status: response.statusCode as number, headers: response.headers as Record<string, string | undefined> };
  }

  const paths = () => [
    '/',
    '/mos-dashboard.js',
    `/history?routerId=${call.router.id}`,
    '/metrics',
    '/healthz',
    '/socket.io/?EIO=4&transport=polling',
  ];

  /** 'open', or the status that refuses the upgrade. */
  async function upgrade(path: string, headers: Record<string, string>): Promise<string> {
    const webSocket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, { headers });
    return new Promise((resolve) => {
      webSocket.on('open', () => {
        webSocket.close();
        resolve('open');
      });
      webSocket.on('error', ({ message }) => resolve(/\d{3}$/.exec(message)?.[0] ?? message));
    });
  }

  it('without a token answers nobody who calls it by a name that is not its own (DNS rebinding)', async () => {
    await open();
    const evil = { host: 'evil.example', origin: 'http://evil.example' };
    for (const path of paths()) {
      assert.equal((await ask(path)).status, 200, path);
      assert.ok([400, 403].includes((await ask(path, { host: 'evil.example' })).status), path);
      assert.ok([400, 403].includes((await ask(path, evil)).status), path);
    }
    for (const path of ['/mos', '/socket.io/?EIO=4&transport=websocket']) {
      assert.ok(['400', '403'].includes(await upgrade(path, evil)), path);
      assert.equal(await upgrade(path, { host: 'localhost', origin: 'http://localhost' }), 'open', path);
    }
  });

  it('with a token may be called by any name', async () => {
    await open({ token: 'secret' });
    assert.equal((await ask('/', { host: 'mos.example' })).status, 200);
    assert.equal(await upgrade('/mos', { host: 'mos.example', origin: 'https://mos.example' }), 'open');
  });

  it('lets in pages of its own, and of the origins that it is given', async () => {
    await open({ token: 'secret', origins: ['https://desk.example'] });
    for (const path of ['/mos', '/socket.io/?EIO=4&transport=websocket']) {
      assert.equal(await upgrade(path, { origin: 'https://desk.example' }), 'open', path);
      assert.ok(['400', '403'].includes(await upgrade(path, { origin: 'https://evil.example' })), path);
    }
    const origin = 'https://desk.example';
    const preflight = await ask('/history?routerId=a', { origin }, 'OPTIONS');
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers['access-control-allow-origin'], origin);
    assert.equal(preflight.headers['access-control-allow-headers'], 'authorization');
    const polling = await ask('/socket.io/?EIO=4&transport=polling', { origin });
    assert.deepEqual([polling.status, polling.headers['access-control-allow-origin']], [200, origin]);
    assert.equal((await ask('/history?routerId=a', { origin: 'https://evil.example' })).status, 403);
  });

  it('serves everything below a path', async () => {
    await open({ pathPrefix: '/quality' });
    for (const path of paths()) assert.equal((await ask(`/quality${path}`)).status, 200, path);
    assert.equal((await ask('/mos-dashboard.js')).status, 404);
    assert.equal(await upgrade('/quality/mos', {}), 'open');
    const client = new MosClient(`http://127.0.0.1:${server.port}/mos`, {
      path: '/quality/socket.io/',
      forceNew: true,
    });
    await client.subscribe({ routerId: call.router.id });
    client.close();
  });

  it('makes metrics once for requests that come together', async () => {
    const registry = new Registry();
    let made = 0;
    registry.metrics = () => {
      made += 1;
      return new Promise((resolve) => setImmediate(() => setTimeout(() => resolve('metrics'), 50)));
    };
    await open({ registry });
    const replies = await Promise.all(Array.from({ length: 20 }, () => ask('/metrics')));
    assert.ok(replies.every(({ status }) => status === 200));
    assert.ok(made < 20, `made ${made} times`);
  });
});
