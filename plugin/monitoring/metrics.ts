import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { InvalidStateError } from '../../src/base/errors.ts';
import { logger } from '../../src/base/log.ts';
import { checkKeys } from '../../src/base/options.ts';
import type { NoScoreReason, OverloadCounts, Scorer, ScorerEvents, ScorerStats } from '../../src/index.ts';
import { qualityStates } from '../../src/index.ts';
import type { MosSource } from '../feeds/mos-source.ts';
import type { MosObserverEvents } from '../feeds/observer-events.ts';
import type { MosObserver } from '../mediasoup/observer.ts';
import { ProcessCounters } from './metrics-processes.ts';
import { StatusSeconds } from './metrics-status.ts';

const log = logger('metrics');

export interface MosMetricsOptions {
  /** The application's own registry of prom-client 14 or 15. */
  registry: Registry;
  /** Whose scores are counted, and whose scorers. Default none; more by `addObserver`. */
  observers?: Iterable<MosObserver>;
  /** Scorers that no observer uses. Default none; more by `addScorer`. */
  scorers?: Iterable<Scorer>;
}

/** Streams are late for this long after it was last reported: which is at most once a second. */
const lateHoldsMs = 2500;

const scored = 'scored';

/**
 * Metrics for Prometheus: how calls sound and what scoring them costs. Labels are reasons, states and names of models: never who
 * speaks, and no ids, so that the number of series does not grow with the calls.
 *
 * @throws {TypeError} naming the option; Error when the registry has such metrics already
 * @example
 * const metrics = createMosMetrics({ registry, observers: [observer] });
 * http.createServer(async (_, response) => response.end(await registry.metrics()));
 */
export function createMosMetrics(options: MosMetricsOptions): MosMetrics {
  checkKeys('createMosMetrics', options, ['registry', 'observers', 'scorers']);
  const { registry, observers = [], scorers = [] } = options;
  if (typeof registry?.registerMetric !== 'function') throw new TypeError('registry must be a Registry of prom-client');
  const metrics = new MosMetrics(registry);
  for (const observer of observers) metrics.addObserver(observer);
  for (const scorer of scorers) metrics.addScorer(scorer);
  return metrics;
}

interface Source {
  readonly seconds: StatusSeconds<NoScoreReason | typeof scored>;
  stop(): void;
}

interface FollowedScorer {
  readonly counters: ProcessCounters;
  restarting: number;
  /** Processes that do not come back. */
  failed: number;
  late: { streams: number; untilMs: number };
  stats: ScorerStats | undefined;
  stop(): void;
}

/** Metrics of observers and scorers in a registry of prom-client; made by `createMosMetrics`. */
export class MosMetrics {
  readonly #registry: Registry;
  readonly #names: string[] = [];
  readonly #sources = new Map<MosSource, Source>();
  readonly #scorers = new Map<Scorer, FollowedScorer>();
  #refreshing: Promise<void> | undefined;
  #closed = false;

  readonly #score: Histogram;
  readonly #latency: Histogram;
  readonly #listening: Histogram;
  readonly #listeningLoss: Histogram;
  readonly #scoredSeconds: Counter;
  readonly #noScoreSeconds: Counter;
  readonly #warnings: Counter;
  readonly #producers: Gauge;
  readonly #streams: Gauge;
  readonly #lateStreams: Gauge;
  readonly #processes: Gauge;
  readonly #restarts: Counter;
  readonly #failures: Counter;
  readonly #streamFaults: Counter;
  readonly #downSeconds: Counter;
  readonly #cpuSeconds: Counter;
  readonly #scoringSeconds: Counter;
  readonly #windows: Counter;
  readonly #dropped: Counter;
  readonly #longestTick: Gauge;
  readonly #memory: Gauge;
  readonly #receiveBuffer: Gauge;
  readonly #model: Gauge;

  /** @internal */
  constructor(registry: Registry) {
    this.#registry = registry;
    this.#score = this.#histogram('score', 'Scores (MOS-LQO, 1 to 5), one for each second of talk', {
      buckets: Array.from({ length: 15 }, (_, index) => 1.25 + index / 4),
    });
    this.#latency = this.#histogram('score_latency_seconds', 'From the end of a scored window to its event', {
      buckets: [0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5],
    });
    this.#listening = this.#histogram('listening', 'MOS at listeners, 1 to 5, each time that one is asked about', {
      buckets: Array.from({ length: 15 }, (_, index) => 1.25 + index / 4),
    });
    this.#listeningLoss = this.#histogram('listening_loss_ratio', 'Packets lost / sent on the way to listeners', {
      buckets: [0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5],
    });
    this.#scoredSeconds = this.#counter('scored_seconds_total', 'Time of producers that had a score');
    this.#noScoreSeconds = this.#counter('noscore_seconds_total', 'Time of producers without a score, by reason', [
      'reason',
    ]);
    this.#warnings = this.#counter('warnings_total', 'Warnings raised, by name', ['name']);
    this.#producers = this.#gauge('producers', 'Observed producers, by how they sound', ['state']);
    this.#streams = this.#gauge('streams', 'Streams that are scored');
    this.#lateStreams = this.#gauge('late_streams', 'Streams whose score is more than one interval late');
    this.#processes = this.#gauge('scorer_processes', 'Scorer processes, by state: up, restarting or failed', [
      'state',
    ]);
    this.#restarts = this.#counter('scorer_restarts_total', 'Scorer processes that died or hung and are back');
    this.#failures = this.#counter('scorer_failures_total', 'Times that a scorer process did not come back');
    this.#streamFaults = this.#counter('stream_faults_total', 'Times that scoring a stream failed');
    this.#downSeconds = this.#counter('scorer_down_seconds_total', 'Time that scorer processes were gone');
    this.#cpuSeconds = this.#counter('scorer_cpu_seconds_total', 'CPU time of the scorer processes');
    this.#scoringSeconds = this.#counter('scoring_seconds_total', 'Time spent in ticks that ran the network');
    this.#windows = this.#counter('windows_total', 'Windows that the network scored');
    this.#dropped = this.#counter(
      'dropped_packets_total',
      'Packets dropped in this host: kernel (socket buffer full), queue (scorer behind), unknown-source, malformed',
      ['cause'],
    );
    this.#longestTick = this.#gauge('longest_tick_seconds', 'Longest look at all streams since the processes started');
    this.#memory = this.#gauge('scorer_resident_memory_bytes', 'Memory of the scorer processes');
    this.#receiveBuffer = this.#gauge('receive_buffer_bytes', 'Smallest receive buffer that the kernel gave a socket');
    this.#model = this.#gauge('model_info', '1 for each model in use', ['name', 'version']);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Counts the events of this observer, and follows its scorer. It leaves by itself when it closes. */
  addObserver(observer: MosObserver): void {
    this.addSource(observer);
    this.addScorer(observer.scorer);
  }

  /** The same for what is shaped like an observer and has no scorer. */
  addSource(source: MosSource): void {
    this.#assertOpen();
    if (this.#sources.has(source)) return;
    const seconds: Source['seconds'] = new StatusSeconds();
    const now = () => performance.now();
    const onScore = ({ producerId, mosLqo, windowEnd }: MosObserverEvents['score'][0]) => {
      this.#score.observe(mosLqo);
      this.#latency.observe(Math.max(0, Date.now() - windowEnd) / 1000);
      seconds.set(producerId, scored, now());
    };
    const onNoScore = ({ producerId, reason }: MosObserverEvents['noscore'][0]) => {
      seconds.set(producerId, reason, now());
    };
    const onProducerClose = ({ producerId }: MosObserverEvents['producerclose'][0]) =>
      seconds.delete(producerId, now());
    const onWarning = ({ name }: MosObserverEvents['warning'][0]) => this.#warnings.inc({ name });
    const onListening = ({ mosListening, lossRatio }: MosObserverEvents['listening'][0]) => {
      if (mosListening !== undefined) this.#listening.observe(mosListening);
      if (lossRatio !== undefined) this.#listeningLoss.observe(lossRatio);
    };
    const onPause = () => seconds.clear(now());
    const onClose = () => this.#removeSource(source);
    source.on('score', onScore).on('noscore', onNoScore).on('producerclose', onProducerClose).on('warning', onWarning);
    source.on('listening', onListening);
    source.observer.on('pause', onPause).on('close', onClose);
    const stop = () => {
      source.off('score', onScore).off('noscore', onNoScore);
      source.off('producerclose', onProducerClose).off('warning', onWarning).off('listening', onListening);
      source.observer.off('pause', onPause).off('close', onClose);
    };
    this.#sources.set(source, { seconds, stop });
    for (const { producerId, status } of source.snapshot) {
      if (status !== undefined) seconds.set(producerId, status.type === 'score' ? scored : status.reason, now());
    }
  }

  /** Follows a scorer; it leaves by itself when it closes. */
  addScorer(scorer: Scorer): void {
    this.#assertOpen();
    if (this.#scorers.has(scorer)) return;
    const followed: FollowedScorer = {
      counters: new ProcessCounters(),
      restarting: 0,
      failed: 0,
      late: { streams: 0, untilMs: 0 },
      stats: undefined,
      stop: () => {
        scorer.off('processdied', onDied).off('processrestarted', onRestarted).off('overload', onOverload);
        scorer.off('processfailed', onFailed).off('processrecovered', onRecovered);
        scorer.off('close', onClose);
      },
    };
    const onDied = () => {
      followed.restarting++;
    };
    const onRestarted = ({ downMs }: ScorerEvents['processrestarted'][0]) => {
      followed.restarting--;
      this.#restarts.inc();
      this.#downSeconds.inc(downMs / 1000);
    };
    const onFailed = () => {
      followed.failed++;
      this.#failures.inc();
    };
    const onRecovered = () => {
      followed.failed--;
    };
    const onOverload = ({ lateStreams }: OverloadCounts) => {
      followed.late = { streams: lateStreams, untilMs: performance.now() + lateHoldsMs };
    };
    const onClose = () => this.#removeScorer(scorer);
    scorer.on('processdied', onDied).on('processrestarted', onRestarted).on('overload', onOverload);
    scorer.on('processfailed', onFailed).on('processrecovered', onRecovered);
    scorer.on('close', onClose);
    this.#scorers.set(scorer, followed);
  }

  /** Takes the metrics out of the registry and leaves observers and scorers. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { stop } of [...this.#sources.values(), ...this.#scorers.values()]) stop();
    this.#sources.clear();
    this.#scorers.clear();
    for (const name of this.#names) this.#registry.removeSingleMetric(name);
  }

  #removeSource(source: MosSource): void {
    const known = this.#sources.get(source);
    if (known === undefined) return;
    known.stop();
    known.seconds.clear(performance.now());
    this.#count(known);
    this.#sources.delete(source);
  }

  #removeScorer(scorer: Scorer): void {
    this.#scorers.get(scorer)?.stop();
    this.#scorers.delete(scorer);
  }

  /** All metrics of one scrape ask for this at once, and get the same look. */
  readonly #refresh = (): Promise<void> => {
    this.#refreshing ??= this.#look().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  };

  async #look(): Promise<void> {
    for (const source of this.#sources.values()) this.#count(source);
    this.#countStates();
    await Promise.all([...this.#scorers].map(([scorer, followed]) => this.#lookAt(scorer, followed)));
    this.#showScorers();
  }

  #count({ seconds }: Source): void {
    for (const [status, value] of seconds.take(performance.now())) {
      if (status === scored) this.#scoredSeconds.inc(value);
      else this.#noScoreSeconds.inc({ reason: status }, value);
    }
  }

  #countStates(): void {
    for (const state of qualityStates) this.#producers.set({ state }, 0);
    for (const source of this.#sources.keys()) {
      for (const { state } of source.snapshot) this.#producers.inc({ state });
    }
  }

  async #lookAt(scorer: Scorer, followed: FollowedScorer): Promise<void> {
    try {
      followed.stats = await scorer.getStats();
    } catch (error) {
      // It closes, or a process dies just now: the next scrape knows more.
      log('no statistics of a scorer: %s', (error as Error).message);
      return;
    }
    const counted = followed.counters.take(followed.stats);
    this.#cpuSeconds.inc(counted.cpuSeconds);
    this.#scoringSeconds.inc(counted.scoringSeconds);
    this.#windows.inc(counted.windows);
    this.#streamFaults.inc(counted.streamFaults);
    this.#dropped.inc({ cause: 'kernel' }, counted.kernelDrops);
    this.#dropped.inc({ cause: 'queue' }, counted.queueDrops);
    this.#dropped.inc({ cause: 'unknown-source' }, counted.unknownSource);
    this.#dropped.inc({ cause: 'malformed' }, counted.malformed);
  }

  #showScorers(): void {
    const scorers = [...this.#scorers.values()];
    const now = performance.now();
    const processes = scorers.flatMap(({ stats }) => stats?.processes ?? []);
    const counters = processes.flatMap((process) => process.counters ?? []);
    const down = sum(scorers.map((each) => each.restarting));
    // One that had failed and is back is up, though it is failed to `/readyz` for 10 s more.
    const failed = sum(scorers.map((each) => Math.min(each.failed, each.restarting)));
    const buffers = processes.flatMap(({ sockets }) => sockets.map(({ receiveBufferBytes }) => receiveBufferBytes));
    this.#streams.set(sum(scorers.map(({ stats }) => stats?.streams ?? 0)));
    this.#lateStreams.set(sum(scorers.map(({ late }) => (late.untilMs > now ? late.streams : 0))));
    this.#processes.set({ state: 'restarting' }, down - failed);
    this.#processes.set({ state: 'failed' }, failed);
    this.#processes.set({ state: 'up' }, processes.length - down);
    this.#longestTick.set(Math.max(0, ...counters.map(({ longestTickMs }) => longestTickMs)) / 1000);
    this.#memory.set(sum(counters.map(({ rssBytes }) => rssBytes)));
    this.#receiveBuffer.set(buffers.length === 0 ? 0 : Math.min(...buffers));
    this.#model.reset();
    for (const { model } of this.#scorers.keys()) this.#model.set({ name: model.name, version: model.version }, 1);
  }

  #histogram(name: string, help: string, { buckets }: { buckets: number[] }): Histogram {
    return new Histogram({ ...this.#described(name, help), buckets });
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ ...this.#described(name, help), labelNames, collect: this.#refresh });
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ ...this.#described(name, help), labelNames, collect: this.#refresh });
  }

  #described(name: string, help: string) {
    const fullName = `mediasoup_mos_${name}`;
    this.#names.push(fullName);
    return { name: fullName, help, registers: [this.#registry] };
  }

  #assertOpen(): void {
    if (this.#closed) throw new InvalidStateError('the MosMetrics is closed');
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
