import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { parser } from '@prometheus-io/lezer-promql';
import type { types } from 'mediasoup';
import { Registry } from 'prom-client';
import type { MosSource } from '../../plugin/feeds/mos-source.ts';
import { createMosObserver, type MosObserver } from '../../plugin/index.ts';
import { createMosMetrics } from '../../plugin/monitoring/metrics.ts';
import { ProcessCounters } from '../../plugin/monitoring/metrics-processes.ts';
import { StatusSeconds } from '../../plugin/monitoring/metrics-status.ts';
import { type ProcessStats, Scorer } from '../../src/index.ts';
import { createRouter, createTalker, startWorker } from '../support/media-server.ts';
import { opusPackets } from '../support/speech.ts';
import { nextEvent, until } from '../support/waiting.ts';

interface Series {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName?: string;
}

const seriesOf = async (registry: Registry, name: string): Promise<Series[]> =>
  ((await registry.getSingleMetric(`mediasoup_mos_${name}`)?.get())?.values ?? []) as Series[];

/** The one series with these labels; undefined when there is none. */
async function seriesValue(registry: Registry, name: string, labels: Record<string, string> = {}) {
  const fits = ({ labels: found }: Series) => Object.entries(labels).every(([key, value]) => found[key] === value);
  return (await seriesOf(registry, name)).find(fits)?.value;
}

describe('metrics of a call', () => {
  let worker: types.Worker;
  let scorer: Scorer;
  let observer: MosObserver;
  let registry: Registry;
  const closing: (() => unknown)[] = [];
  const participantId = 'Ada Lovelace';

  before(async () => {
    worker = await startWorker();
    scorer = await Scorer.create({ restartBackoffMs: { initial: 0 } });
    const router = await createRouter(worker);
    observer = await createMosObserver({ router, scorer, autoAdd: true, identify: () => participantId });
    registry = new Registry();
    const metrics = createMosMetrics({ registry, observers: [observer] });
    closing.push(() => metrics.close());
    const talker = await createTalker(router, opusPackets('speech/woman-1'));
    closing.push(() => talker.close());
    talker.sender.start();
    await nextEvent(observer, 'score');
  });
  after(async () => {
    for (const close of closing.reverse()) await close();
    worker.close();
    await scorer.close();
  });

  it('count scores, their latency, and the time with and without them', async () => {
    const count = (await seriesOf(registry, 'score')).find(({ metricName }) => metricName?.endsWith('_count'));
    const sum = (await seriesOf(registry, 'score')).find(({ metricName }) => metricName?.endsWith('_sum'));
    assert.ok(count !== undefined && sum !== undefined);
    assert.ok(sum.value >= count.value && sum.value <= 5 * count.value, `${sum.value} of ${count.value}`);
    assert.ok(((await seriesValue(registry, 'noscore_seconds_total', { reason: 'too-short' })) ?? 0) > 1);
    const scoredSeconds = await seriesValue(registry, 'scored_seconds_total');
    await until('time with a score passes', async () => {
      return ((await seriesValue(registry, 'scored_seconds_total')) ?? 0) > (scoredSeconds ?? 0);
    });
  });

  it('tell streams, processes, memory, cost and model', async () => {
    assert.equal(await seriesValue(registry, 'streams'), 1);
    assert.equal(await seriesValue(registry, 'scorer_processes', { state: 'up' }), 1);
    assert.equal(await seriesValue(registry, 'scorer_processes', { state: 'restarting' }), 0);
    assert.ok(((await seriesValue(registry, 'scorer_resident_memory_bytes')) ?? 0) > 10e6);
    assert.ok(((await seriesValue(registry, 'scorer_cpu_seconds_total')) ?? 0) > 0);
    assert.ok(((await seriesValue(registry, 'windows_total')) ?? 0) >= 1);
    assert.ok(((await seriesValue(registry, 'receive_buffer_bytes')) ?? 0) > 0);
    assert.equal(
      await seriesValue(registry, 'model_info', { name: scorer.model.name, version: scorer.model.version }),
      1,
    );
    assert.equal(await seriesValue(registry, 'dropped_packets_total', { cause: 'kernel' }), 0);
  });

  it('have no label that tells who speaks', async () => {
    const text = await registry.metrics();
    for (const secret of [participantId, observer.routerId, ...observer.snapshot.map(({ producerId }) => producerId)]) {
      assert.ok(!text.includes(secret), secret);
    }
    const labels = new Set([...text.matchAll(/[{,](\w+)="/g)].map(([, label]) => label));
    assert.deepEqual([...labels].sort(), ['cause', 'le', 'name', 'reason', 'state', 'version']);
  });

  it('count a restart, and never go back because of it', async () => {
    const before = (await seriesValue(registry, 'scorer_cpu_seconds_total')) as number;
    const { processes } = await scorer.getStats();
    const back = nextEvent(scorer, 'processrestarted');
    process.kill(processes[0]?.pid as number, 'SIGKILL');
    await nextEvent(scorer, 'processdied');
    assert.equal(await seriesValue(registry, 'scorer_processes', { state: 'restarting' }), 1);
    await back;
    assert.equal(await seriesValue(registry, 'scorer_restarts_total'), 1);
    assert.ok(((await seriesValue(registry, 'scorer_down_seconds_total')) ?? 0) > 0);
    assert.ok(((await seriesValue(registry, 'scorer_cpu_seconds_total')) as number) >= before);
  });

  it('leave nothing in the registry when closed, and hear nothing more', async () => {
    const other = new Registry();
    const metrics = createMosMetrics({ registry: other, observers: [observer] });
    const listeners = observer.listenerCount('score');
    metrics.close();
    metrics.close();
    assert.equal(observer.listenerCount('score'), listeners - 1);
    assert.deepEqual(await other.getMetricsAsJSON(), []);
    assert.throws(() => metrics.addObserver(observer), { code: 'ERR_INVALID_STATE' });
  });
});

describe('metrics of what is shaped like an observer', () => {
  const source = () => {
    const emitter = new EventEmitter() as EventEmitter & { observer: EventEmitter; snapshot: unknown[] };
    emitter.observer = new EventEmitter();
    emitter.snapshot = [{ producerId: 'a', state: 'poor', status: { type: 'noscore', reason: 'silence' } }];
    return emitter;
  };

  it('begin with what holds, count warnings and states, and forget a source that closes', async () => {
    const registry = new Registry();
    const metrics = createMosMetrics({ registry });
    const emitter = source();
    metrics.addSource(emitter as unknown as MosSource);
    emitter.emit('warning', { name: 'noise' });
    assert.equal(await seriesValue(registry, 'warnings_total', { name: 'noise' }), 1);
    assert.equal(await seriesValue(registry, 'producers', { state: 'poor' }), 1);
    await until('silence is counted', async () => {
      return ((await seriesValue(registry, 'noscore_seconds_total', { reason: 'silence' })) ?? 0) > 0;
    });
    emitter.observer.emit('close');
    assert.equal(await seriesValue(registry, 'producers', { state: 'poor' }), 0);
    assert.equal(emitter.listenerCount('score'), 0);
  });

  it('wrong arguments are named', () => {
    assert.throws(() => createMosMetrics({} as never), /registry must be a Registry/);
    assert.throws(() => createMosMetrics({ registry: new Registry(), prefix: 'x' } as never), /'prefix'/);
  });
});

describe('StatusSeconds', () => {
  it('sums up the time of all members by status', () => {
    const seconds = new StatusSeconds<'a' | 'b'>();
    seconds.set('one', 'a', 0);
    seconds.set('two', 'a', 1000);
    seconds.set('one', 'b', 2000);
    assert.deepEqual([...seconds.take(3000)], [['a', 4], ['b', 1]]); // biome-ignore format: a table
    seconds.delete('one', 3500);
    seconds.clear(4000);
    assert.deepEqual([...seconds.take(9000)], [['b', 0.5], ['a', 1]]); // biome-ignore format: a table
  });
});

describe('ProcessCounters', () => {
  const stats = (pid: number, cpuMs: number) => {
    const engine = { kernelDrops: 1, queueDrops: 0, packetsUnknownSource: 0, packetsMalformed: 0, rtcpPackets: 0 };
    const counters = { cpuMs, scoringMs: 0, windowsScored: 0, engine } as unknown as ProcessStats;
    return { processes: [{ pid, counters, sockets: [], streams: 0 }] };
  };

  it('adds what was counted since, and takes a new process as new', () => {
    const counters = new ProcessCounters();
    assert.equal(counters.take(stats(1, 5000)).cpuSeconds, 5);
    assert.equal(counters.take(stats(1, 6000)).cpuSeconds, 1);
    assert.equal(counters.take({ processes: [{ sockets: [], streams: 0 }] }).cpuSeconds, 0);
    assert.equal(counters.take(stats(2, 500)).cpuSeconds, 0.5);
  });
});

describe('the Grafana dashboard', () => {
  const dashboard = JSON.parse(readFileSync(new URL('../../docs/grafana-dashboard.json', import.meta.url), 'utf8'));
  const expressions: string[] = dashboard.panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
    targets.map(({ expr }) => expr.replaceAll(/\$__rate_interval|\$__range/g, '5m')),
  );

  /** Every name that Prometheus would find after a scrape. */
  async function exportedNames(): Promise<Set<string>> {
    const registry = new Registry();
    createMosMetrics({ registry });
    const metrics = await registry.getMetricsAsJSON();
    return new Set(
      metrics.flatMap(({ name, type }) =>
        (type as unknown) === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name],
      ),
    );
  }

  it('has expressions that Prometheus can parse, and that name exported metrics only', async () => {
    const exported = await exportedNames();
    const named = new Set<string>();
    assert.ok(expressions.length > 20);
    for (const expression of expressions) {
      parser.parse(expression).iterate({
        enter({ type, from, to }) {
          assert.ok(!type.isError, `${expression} at ${from}`);
          if (type.name === 'Identifier') named.add(expression.slice(from, to));
        },
      });
    }
    const metrics = [...named].filter((name) => name.startsWith('mediasoup_mos_'));
    assert.deepEqual(
      metrics.filter((name) => !exported.has(name)),
      [],
    );
  });

  it('shows every metric', async () => {
    const shown = expressions.join('\n');
    const bare = new Set([...(await exportedNames())].map((name) => name.replace(/_(bucket|sum|count)$/, '')));
    assert.deepEqual(
      [...bare].filter((name) => !shown.includes(name)),
      [],
    );
  });

  it('has panels that do not lie over one another', () => {
    const taken = new Set<string>();
    for (const { gridPos, title } of dashboard.panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.ok(x < 24 && !taken.has(`${x},${y}`), title);
          taken.add(`${x},${y}`);
        }
      }
    }
  });
});
