import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { MosHealth } from '../../plugin/monitoring/health.ts';
import { Scorer } from '../../src/index.ts';
import { nextEvent } from '../support/waiting.ts';

describe('MosHealth', () => {
  const health = new MosHealth();
  let server: Server;
  let scorer: Scorer;
  const ask = async (path: string, method = 'GET') => {
    const { port } = server.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    const text = await response.text();
    return { code: response.status, report: text.startsWith('{') ? JSON.parse(text) : text };
  };

  before(async () => {
    server = createServer((request, response) => {
      if (!health.handle(request, response)) response.writeHead(404).end('none of it');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(async () => {
    server.close();
    await scorer.close();
  });

  it('is loading before a scorer is up: alive, but not ready', async () => {
    assert.equal((await ask('/readyz')).report.status, 'loading');
    const starting = Scorer.create({ restartBackoffMs: { initial: 0 } });
    health.add(starting);
    assert.deepEqual(await ask('/readyz'), {
      code: 503,
      report: { status: 'loading', scorers: 0, loading: 1, restarting: 0 },
    });
    assert.equal((await ask('/healthz')).code, 200);
    scorer = await starting;
  });

  it('is ready with a scorer', async () => {
    const ready = { code: 200, report: { status: 'ready', scorers: 1, loading: 0, restarting: 0 } };
    assert.deepEqual(await ask('/readyz'), ready);
    assert.deepEqual(await ask('/healthz?verbose'), ready);
    assert.deepEqual(await ask('/readyz', 'HEAD'), { code: 200, report: '' });
  });

  it('is degraded while a scorer process is being restarted, and ready again after it', async () => {
    const { processes } = await scorer.getStats();
    const back = nextEvent(scorer, 'processrestarted');
    process.kill(processes[0]?.pid as number, 'SIGKILL');
    await nextEvent(scorer, 'processdied');
    assert.deepEqual(await ask('/readyz'), {
      code: 200,
      report: { status: 'degraded', scorers: 1, loading: 0, restarting: 1 },
    });
    await back;
    assert.equal((await ask('/readyz')).report.status, 'ready');
  });

  it('leaves other requests alone, and takes no other methods', async () => {
    assert.deepEqual(await ask('/'), { code: 404, report: 'none of it' });
    assert.equal((await ask('/healthz', 'POST')).code, 405);
  });

  it('forgets a scorer that closes: without rooms there is none, and that is well', async () => {
    const own = new MosHealth();
    const other = await Scorer.create();
    own.add(other);
    await other.close();
    assert.deepEqual(own.report, { status: 'ready', scorers: 0, loading: 0, restarting: 0 });
    assert.equal(other.listenerCount('processdied'), 0);
  });

  it('has failed when a scorer cannot be started', async () => {
    const own = new MosHealth();
    const starting = Scorer.create({ model: 'none-of-that-name' });
    own.add(starting);
    await assert.rejects(starting, { code: 'ERR_MODEL_NOT_FOUND' });
    await new Promise(setImmediate);
    assert.equal(own.report.status, 'failed');
  });
});
