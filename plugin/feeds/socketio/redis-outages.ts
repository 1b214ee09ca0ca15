import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { logger } from '../../../src/base/log.ts';
import { checkInteger, checkKeys } from '../../../src/base/options.ts';

const log = logger('redis');

export interface SurviveOutagesOptions {
  /** Of the namespaces that carry MOS: only what these send is kept through outages. Default ['/mos']. */
  namespaces?: readonly string[];
  /** Messages kept while Redis is away; of more, the oldest are given up. Default 10000. */
  maxBacklog?: number;
  /** Called when all that was kept has been handed over after an outage: the time for `feed.resync()`. */
  onReturn?: () => void;
}

/** What the Redis Streams adapter uses of a client of the `redis` package, where it matters here. */
interface StreamsClient {
  readonly isReady: boolean;
  readonly isOpen: boolean;
  destroy(): void;
  connect(): Promise<unknown>;
  subscribe(...args: unknown[]): Promise<unknown>;
  sSubscribe(...args: unknown[]): Promise<unknown>;
  on(event: 'ready' | 'reconnecting', listener: () => void): unknown;
  once(event: 'ready' | 'end', listener: () => void): unknown;
  duplicate(): StreamsClient;
  /** The same client, whose commands are taken back at the signal, as far as they are not written yet. */
  withAbortSignal(signal: AbortSignal): StreamsClient;
  xAdd(...args: XAddArguments): Promise<string>;
  xRead(streams: { key: string; id: string }[], options: object): Promise<unknown>;
  xRevRange(key: string, end: string, start: string, options: { COUNT: number }): Promise<{ id: string }[]>;
  publish(...args: unknown[]): Promise<number>;
  set(...args: unknown[]): Promise<unknown>;
}

type XAddArguments = [key: string, id: string, fields: Readonly<Record<string, string>>, options: object];

/**
 * Makes a client of the `redis` package (version 5 or later) outlive its server, for the Redis Streams adapter of socket.io:
 *
 * - While Redis is away, or does not answer, subscribers of this process get everything at once, as if it were alone.
 *   What other processes must not miss is kept and handed over afterwards, in order; scores are not. What Redis took in its
 *   last seconds is handed over again, in case it came back without. So an event may come twice: `MosClient` leaves out
 *   the second; other subscribers see it by `sequence`.
 * - The adapter leaves rejections of some commands unhandled, which would end the process: those are logged instead.
 * - The adapter's own connections end with the client at the latest (`client.destroy()`), also while Redis is away.
 * - The adapter begins to read at whatever is newest each time until something comes, and so may miss what comes
 *   meanwhile; here it begins where the stream ended first.
 *
 * @throws TypeError | RangeError naming the option
 * @example
 * ```ts
 * const redis = await createClient({ url }).on('error', console.error).connect();
 * const io = new Server(http, {
 *   adapter: createAdapter(surviveOutages(redis, { onReturn: () => feed.resync() })),
 * });
 * ```
 */
export function surviveOutages<Client extends object>(client: Client, options: SurviveOutagesOptions = {}): Client {
  checkKeys('surviveOutages', options, ['namespaces', 'maxBacklog', 'onReturn']);
  const { namespaces = ['/mos'], maxBacklog = 10_000, onReturn = () => {} } = options;
  if (typeof (client as { withAbortSignal?: unknown })?.withAbortSignal !== 'function') {
    throw new TypeError('client must be a client of the redis package, version 5 or later');
  }
  if (!Array.isArray(namespaces)) throw new TypeError('namespaces must be a list of names');
  checkInteger('maxBacklog', maxBacklog, 1, Number.MAX_SAFE_INTEGER);
  if (typeof onReturn !== 'function') throw new TypeError(`onReturn must be a function, got ${typeof onReturn}`);
  const redis = client as unknown as StreamsClient;
  const outbox = new Outbox(redis, maxBacklog, onReturn);
  /** Sends what is of use only now; what fails is logged. */
  const sendNow = async (send: () => Promise<unknown>, otherwise: unknown) => {
    try {
      return redis.isReady ? await send() : otherwise;
    } catch (error) {
      log('given up: %s', (error as Error).message);
      return otherwise;
    }
  };
  return overriding(client, {
    xAdd: (...args: XAddArguments) =>
      namespaces.includes(args[2].nsp ?? '') ? outbox.xAdd(args) : redis.xAdd(...args),
    publish: (...args: unknown[]) => sendNow(() => redis.publish(...args), 0),
    set: (...args: unknown[]) => sendNow(() => redis.set(...args), null),
    duplicate: () => {
      const reader = redis.duplicate();
      // Only now can it be asked by others again, who may have asked in vain since they are back themselves.
      reader.once('ready', () => reader.on('ready', () => outbox.onReaderReturn()));
      // The adapter ends a reader when that has read something, which it never does while Redis is away.
      redis.once('end', () => {
        if (reader.isOpen) reader.destroy();
      });
      return steadyReader(reader);
    },
  });
}

/** An XADD waits no longer than this for its answer before it is sent to subscribers of this process without. */
const answerTimeoutMs = 2000;
/** What Redis took so long before its last answer is handed over again. */
const repeatMs = 2000;
const retryMs = 1000;
const batchSize = 100;

interface Entry {
  readonly number: number;
  readonly args: XAddArguments;
  /** Need not be kept. */
  readonly volatile: boolean;
}

/** Hands entries over to a stream in order; keeps them while Redis is away. */
class Outbox {
  readonly #redis: StreamsClient;
  readonly #maxBacklog: number;
  readonly #onReturn: () => void;
  /** Not handed over yet. */
  #backlog: Entry[] = [];
  /** Handed over lately. */
  #recent: { entry: Entry; atMs: number }[] = [];
  /** Lets go who waits for the answer to an entry; oldest first. */
  readonly #unanswered = new Set<(cause: Error) => void>();
  /** Aborted when the connection is lost: what the client has not written by then, it would write before all that is kept. */
  #connection = oneConnection();
  #count = 0;
  #away = false;
  #flushing = false;

  constructor(redis: StreamsClient, maxBacklog: number, onReturn: () => void) {
    this.#redis = redis;
    this.#maxBacklog = maxBacklog;
    this.#onReturn = onReturn;
    redis.on('reconnecting', () => this.#connection.abort());
    redis.on('ready', () => {
      this.#connection = oneConnection();
      this.#goAway(new Error('Redis was away'));
      this.#backlog.unshift(...this.#recent.map(({ entry }) => entry));
      this.#recent = [];
      this.#flush();
    });
  }

  onReaderReturn(): void {
    if (!this.#away) this.#onReturn();
  }

  /** Rejects at once while Redis is away: the adapter then sends to the subscribers of this process. */
  xAdd(args: XAddArguments): Promise<string> {
    // The adapter notes flags behind all else; within a string the quotes would be escaped.
    const volatile = args[2].data?.includes('"volatile":') === true;
    const entry = { number: this.#count++, args, volatile };
    if (!this.#redis.isReady) this.#goAway(new Error('Redis is away'));
    if (this.#away) {
      this.#keep(entry);
      return Promise.reject(new Error('Redis is away'));
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#goAway(new Error('Redis does not answer')), answerTimeoutMs);
      this.#unanswered.add(reject);
      this.#send(entry)
        .then(resolve, reject)
        .finally(() => {
          clearTimeout(timer);
          this.#unanswered.delete(reject);
          if (this.#away) this.#flush();
        });
    });
  }

  /** Releases the callers that wait for an answer, in order and before later ones. */
  #goAway(cause: Error): void {
    this.#away = true;
    for (const reject of this.#unanswered) reject(cause);
    this.#unanswered.clear();
  }

  async #send(entry: Entry): Promise<string> {
    try {
      const id = await this.#redis.withAbortSignal(this.#connection.signal).xAdd(...entry.args);
      this.#remember(entry);
      return id;
    } catch (error) {
      this.#goAway(error as Error);
      this.#keep(entry);
      throw error;
    }
  }

  #remember(entry: Entry): void {
    if (entry.volatile) return;
    const atMs = performance.now();
    this.#recent.push({ entry, atMs });
    const old = this.#recent.findIndex((each) => each.atMs >= atMs - repeatMs);
    if (old > 0) this.#recent.splice(0, old);
  }

  #keep(entry: Entry): void {
    if (entry.volatile) return;
    const after = this.#backlog.findLastIndex(({ number }) => number < entry.number);
    this.#backlog.splice(after + 1, 0, entry);
    if (this.#backlog.length <= this.#maxBacklog) return;
    this.#backlog.shift();
    log.warn('Redis is away: more than %d messages wait, the oldest is given up', this.#maxBacklog);
  }

  async #flush(): Promise<void> {
    if (this.#flushing || !this.#redis.isReady) return;
    this.#flushing = true;
    // First one alone: while Redis loads its data it refuses, and would begin to accept in the middle of many.
    for (let size = 1; this.#backlog.length > 0; size = batchSize) {
      const batch = this.#backlog.splice(0, size);
      const results = await Promise.allSettled(batch.map((entry) => this.#send(entry)));
      if (results.every(({ status }) => status === 'fulfilled')) continue;
      this.#flushing = false;
      setTimeout(() => this.#flush(), retryMs).unref(); // it may be ready for connections, but loading its data
      return;
    }
    this.#flushing = false;
    this.#away = false;
    this.#onReturn();
  }
}

/** For as many commands at once as there may be. */
function oneConnection(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/**
 * A client for reading only. It reads streams from where they ended first, and where reading fails, not again and again at
 * once. What it is asked to do but once, and nobody waits for, it does in the end, or not at all where it is destroyed before.
 */
function steadyReader(redis: StreamsClient): StreamsClient {
  const starts = new Map<string, string>();
  const startOf = async (key: string): Promise<string> => {
    const [last] = starts.has(key) ? [] : await redis.xRevRange(key, '+', '-', { COUNT: 1 });
    const start = starts.get(key) ?? last?.id ?? '0-0';
    starts.set(key, start);
    return start;
  };
  const inTheEnd =
    (command: (...args: unknown[]) => Promise<unknown>) =>
    async (...args: unknown[]): Promise<unknown> => {
      for (;;) {
        try {
          return await command(...args);
        } catch (error) {
          if (!redis.isOpen) return undefined;
          log('once more: %s', (error as Error).message);
          await delay(retryMs, undefined, { ref: false });
        }
      }
    };
  return overriding(redis, {
    // The adapter goes on with what it got once connected, and does not expect that it may be too late.
    connect: () =>
      redis.connect().catch((error: Error) => {
        log('never connected: %s', error.message);
        return new Promise(() => {});
      }),
    subscribe: inTheEnd((...args) => redis.subscribe(...args)),
    sSubscribe: inTheEnd((...args) => redis.sSubscribe(...args)),
    // A client that is about to connect again cannot be asked to disconnect in good order.
    disconnect: async () => {
      if (redis.isOpen) redis.destroy();
    },
    xRead: async (streams: { key: string; id: string }[], options: object) => {
      try {
        const from = streams.map(async ({ key, id }) => ({ key, id: id === '$' ? await startOf(key) : id }));
        return await redis.xRead(await Promise.all(from), options);
      } catch (error) {
        await delay(100);
        throw error;
      }
    },
  });
}

/** The same object, but for some methods. */
function overriding<Target extends object>(target: Target, methods: Record<string, unknown>): Target {
  return new Proxy(target, {
    get(_, name) {
      if (typeof name === 'string' && Object.hasOwn(methods, name)) return methods[name];
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
