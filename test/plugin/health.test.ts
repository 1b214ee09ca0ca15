import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Registry } from 'prom-client';
import { MosHealth } from '../../plugin/monitoring/health.ts';
import { createMosMetrics } from '../../plugin/monitoring/metrics.ts';
import { Scorer } from '../../src/index.ts';
import { windowedModel } from '../support/models.ts';
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
      report: { status: 'loading', scorers: 0, loading: 1, restarting: 0, failed: 0 },
    });
    assert.equal((await ask('/healthz')).code, 200);
    scorer = await starting;
  });

  it('is ready with a scorer', async () => {
    const ready = { code: 200, report: { status: 'ready', scorers: 1, loading: 0, restarting: 0, failed: 0 } };
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
      report: { status: 'degraded', scorers: 1, loading: 0, restarting: 1, failed: 0 },
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
    assert.deepEqual(own.report, { status: 'ready', scorers: 0, loading: 0, restarting: 0, failed: 0 });
    assert.equal(other.listenerCount('processdied'), 0);
  });

  it('has failed when a scorer process does not come back, and is counted; it is tried on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mediasoup-mos-health-'));
    cpSync(dirname(windowedModel), folder, { recursive: true });
    const [model, away] = [join(folder, 'standin.json'), join(folder, 'away.json')];
    const own = new MosHealth();
    const doomed = await Scorer.create({ model, restartBackoffMs: { initial: 0, max: 10 } });
    const registry = new Registry();
    const metrics = createMosMetrics({ registry, scorers: [doomed] });
    const metric = async (name: string) => (await registry.getMetricsAsJSON()).find((each) => each.name === name);
    own.add(doomed);
    try {
      renameSync(model, away);
      const failed = nextEvent<{ failures: number; error?: Error }>(doomed, 'processfailed', { timeoutMs: 60_000 });
      process.kill((await doomed.getStats()).processes[0]?.pid as number, 'SIGKILL');
      const { failures, error } = await failed;
      assert.equal(failures, 5);
      assert.equal((error as NodeJS.ErrnoException).code, 'ERR_MODEL_NOT_FOUND');
      assert.deepEqual(own.report, { status: 'failed', scorers: 1, loading: 0, restarting: 1, failed: 1 });
      const counted = await metric('mediasoup_mos_scorer_failures_total');
      assert.equal(counted?.values[0]?.value, 1);
      const states = await metric('mediasoup_mos_scorer_processes');
      assert.equal(states?.values.find(({ labels }) => labels.state === 'failed')?.value, 1);
      const back = nextEvent(doomed, 'processrestarted', { timeoutMs: 60_000 });
      const recovered = nextEvent(doomed, 'processrecovered', { timeoutMs: 90_000 });
      renameSync(away, model);
      await back;
      assert.equal(own.report.status, 'failed');
      await recovered;
      assert.equal(own.report.status, 'ready');
    } finally {
      metrics.close();
      await doomed.close();
      rmSync(folder, { recursive: true });
    }
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
