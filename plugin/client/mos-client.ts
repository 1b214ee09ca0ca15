import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { mosEventTypes } from '../feeds/event-types.ts';
import type { MosEvent, MosSnapshotEvent, ProducerSnapshot } from '../feeds/events.ts';
import {
  type ClientToServerEvents,
  type ConnectRefusal,
  type GoodbyeReason,
  isSubscribed,
  type MosGoodbye,
  type MosSubscription,
  parseSubscription,
  roomOf,
  type ServerToClientEvents,
  type SubscribeReply,
} from '../feeds/feed-contract.ts';
import { callSafely, Emitter } from './emitter.ts';
import { MosClientError } from './mos-client-error.ts';
import type { MosClientEvents, MosListeners } from './mos-client-events.ts';
import { ProducerView } from './producer-view.ts';
import type { MosSubscriptionHandle } from './subscription-handle.ts';

export type MosClientSocket = Socket<ServerToClientEvents, ClientToServerEvents>;

/** Options of socket.io-client, such as `auth: { token }` or `auth: (set) => set({ token })`. */
export interface MosClientOptions extends Partial<ManagerOptions & SocketOptions> {
  /** After this time `subscribe` rejects where it has no answer, ms, from 1; the client goes on trying. Default 10000. */
  connectTimeoutMs?: number;
}

/** A subscription as the client keeps it, for all its listeners. */
interface Entry {
  readonly subscription: MosSubscription;
  readonly listeners: Set<MosListeners>;
  /** Whether the server accepted it on some connection. */
  confirmed: boolean;
  /** Whether it holds on the present connection, or is being asked for. */
  asked: boolean;
  readonly waiting: Set<{ resolve: () => void; reject: (error: MosClientError) => void }>;
}

const replyTimeoutMs = 10_000;
/** First and longest pause before asking again where the server could not decide, or ended the connection. */
const retryMs = { first: 1000, longest: 30_000 };
/** After a new connection, how long producers known from before may take to be spoken of again. */
const settleMs = 5000;

/**
 * Subscribes to speech quality: subscriptions that outlive the connection, and what holds for every producer now.
 *
 * @example
 * ```ts
 * const mos = new MosClient('https://calls.example/mos', { auth: { token } });
 * mos.on('score', ({ participantId, mosLqo }) => console.log(participantId, mosLqo));
 * await mos.subscribe({ routerId });
 * ```
 */
export class MosClient extends Emitter<MosClientEvents> {
  readonly socket: MosClientSocket;
  readonly #ownsSocket: boolean;
  readonly #connectTimeoutMs: number;
  readonly #view = new ProducerView();
  /** By room. */
  readonly #entries = new Map<string, Entry>();
  /** Producers of which the present connection has not spoken yet. */
  #unsettled = new Set<string>();
  #settling: ReturnType<typeof setTimeout> | undefined;
  #reconnecting: ReturnType<typeof setTimeout> | undefined;
  #retryMs = retryMs.first;
  #goodbye: GoodbyeReason | undefined;
  /** Why there is no connection, as far as is known. */
  #connectError: string | undefined;
  #closed = false;

  /**
   * @param target - the server's address with the namespace, as 'https://calls.example/mos'; or a socket.io-client of the
   *   namespace, which shares its connection with the application and stays open after `close`
   * @throws RangeError when `connectTimeoutMs` is none
   */
  constructor(target: string | MosClientSocket, { connectTimeoutMs = 10_000, ...options }: MosClientOptions = {}) {
    super();
    if (!(connectTimeoutMs >= 1 && connectTimeoutMs < 2 ** 31)) {
      throw new RangeError(`connectTimeoutMs must be 1 to ${2 ** 31 - 1}, got ${connectTimeoutMs}`);
    }
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#ownsSocket = typeof target === 'string';
    this.socket = typeof target === 'string' ? io(target, options) : target;
    this.socket.on('connect', this.#onConnect);
    this.socket.on('disconnect', this.#onDisconnect);
    this.socket.on('connect_error', this.#onConnectError);
    this.socket.on('goodbye', this.#onGoodbye);
    this.socket.on('snapshot', this.#onSnapshot);
    for (const name of mosEventTypes) this.socket.on(name, this.#onEvent);
    if (this.socket.connected) this.#onConnect();
  }

  get connected(): boolean {
    return this.socket.connected;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** What holds now for every producer subscribed to, by producerId. */
  get producers(): ReadonlyMap<string, ProducerSnapshot> {
    return this.#view.producers;
  }

  /**
   * Subscribes to a router, a producer or a participant, for as long as the client lives: over reconnections too. What is
   * known comes first, as a `snapshot`. Resolves once the server agreed.
   *
   * Rejects with 'unreachable' or 'unavailable' where there is no answer within `connectTimeoutMs`. The subscription holds
   * all the same, as soon as the server can be reached: do not subscribe again, or end it first by the error's `handle`.
   *
   * @param listeners - called for what belongs to this subscription only; those of `on` are called for everything
   * @throws TypeError when it is no subscription; MosClientError when it is refused, or has no answer in time
   */
  async subscribe(subscription: MosSubscription, listeners: MosListeners = {}): Promise<MosSubscriptionHandle> {
    if (parseSubscription(subscription) === undefined) {
      throw new TypeError('subscription must be one of { routerId }, { producerId }, { participantId }');
    }
    if (this.#closed) throw new MosClientError('closed', 'the MosClient is closed');
    const room = roomOf(subscription);
    const entry: Entry = this.#entries.get(room) ?? {
      subscription,
      listeners: new Set(),
      confirmed: false,
      asked: false,
      waiting: new Set(),
    };
    this.#entries.set(room, entry);
    const own = { ...listeners };
    entry.listeners.add(own);
    const handle = { subscription, close: () => this.#leave(entry, own) };
    if (entry.confirmed) callSafely(own.snapshot, this.#snapshotOf(entry));
    else await this.#confirmationOf(entry, handle);
    return handle;
  }

  /** Ends every subscription, and the connection unless it is the application's own. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#settling);
    clearTimeout(this.#reconnecting);
    this.socket.off('connect', this.#onConnect);
    this.socket.off('disconnect', this.#onDisconnect);
    this.socket.off('connect_error', this.#onConnectError);
    this.socket.off('goodbye', this.#onGoodbye);
    this.socket.off('snapshot', this.#onSnapshot);
    for (const name of mosEventTypes) this.socket.off(name, this.#onEvent);
    for (const entry of this.#entries.values()) {
      if (!this.#ownsSocket && this.socket.connected) this.socket.emit('unsubscribe', entry.subscription);
      this.#reject(entry, new MosClientError('closed', 'the MosClient is closed'));
    }
    this.#entries.clear();
    if (this.#ownsSocket) this.socket.disconnect();
  }

  readonly #onConnect = () => {
    // A recovered connection has its subscriptions still, and was sent what it missed.
    if (!this.socket.recovered) {
      for (const entry of this.#entries.values()) entry.asked = false;
      this.#unsettled = new Set(this.producers.keys());
    }
    this.#connectError = undefined;
    this.emit('connect', undefined as never);
    for (const entry of this.#entries.values()) this.#ask(entry);
    clearTimeout(this.#settling);
    if (this.#unsettled.size > 0) this.#settling = setTimeout(this.#settle, settleMs);
  };

  readonly #onDisconnect = (cause: string) => {
    const reason = this.#goodbye;
    this.#goodbye = undefined;
    clearTimeout(this.#settling);
    this.emit('disconnect', reason === undefined ? {} : { reason });
    // socket.io-client connects again by itself unless the server ended it.
    if (cause === 'io server disconnect') this.#connectLater();
  };

  readonly #onConnectError = (error: Error) => {
    this.#connectError = error.message;
    if (this.socket.active) return; // the network: socket.io-client goes on trying
    if (error.message === ('unavailable' satisfies ConnectRefusal)) {
      this.#connectLater();
      return;
    }
    const refused = new MosClientError('unauthenticated', error.message);
    for (const entry of this.#entries.values()) if (!entry.confirmed) this.#drop(entry, refused);
    this.emit('error', refused);
  };

  readonly #onGoodbye = ({ reason }: MosGoodbye) => {
    this.#goodbye = reason;
  };

  readonly #onSnapshot = (event: MosSnapshotEvent) => {
    for (const { producerId } of event.producers) this.#unsettled.delete(producerId);
    const producers = this.#view.takeSnapshot(event);
    const news = { ...event, producers };
    this.emit('snapshot', news);
    for (const entry of this.#entries.values()) {
      const mine = producers.filter((producer) => isSubscribed(entry.subscription, producer));
      // An empty one is delivered to listeners that still wait for a first: there are no producers.
      if (mine.length === 0 && entry.confirmed) continue;
      for (const { snapshot } of entry.listeners) callSafely(snapshot, { ...event, producers: mine });
    }
  };

  readonly #onEvent = (event: MosEvent) => {
    this.#unsettled.delete(event.producerId);
    if (!this.#view.take(event)) return;
    this.emit(event.type, event as never);
    for (const entry of this.#entries.values()) {
      if (!isSubscribed(entry.subscription, event)) continue;
      for (const listeners of entry.listeners) callSafely(listeners[event.type], event);
    }
  };

  /** Producers without an event on the new connection left while there was none. */
  readonly #settle = () => {
    for (const producerId of this.#unsettled) {
      const producer = this.producers.get(producerId);
      if (producer !== undefined) this.#onEvent(this.#view.closeOf(producer));
    }
    this.#unsettled.clear();
  };

  #connectLater(): void {
    clearTimeout(this.#reconnecting);
    this.#reconnecting = setTimeout(() => this.socket.connect(), this.#nextRetryMs());
  }

  #confirmationOf(entry: Entry, handle: MosSubscriptionHandle): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = {
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
        reject: (error: MosClientError) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        entry.waiting.delete(waiting);
        reject(this.#noAnswer(handle));
      }, this.#connectTimeoutMs);
      entry.waiting.add(waiting);
      this.#ask(entry);
    });
  }

  #noAnswer(handle: MosSubscriptionHandle): MosClientError {
    const { subscription } = handle;
    const isAnswering = this.socket.connected || this.#connectError === ('unavailable' satisfies ConnectRefusal);
    const reason = this.#connectError === undefined ? '' : `: ${this.#connectError}`;
    const time = `within ${this.#connectTimeoutMs} ms`;
    return isAnswering
      ? new MosClientError('unavailable', `the server did not decide ${time}; trying on`, { subscription, handle })
      : new MosClientError('unreachable', `no connection ${time}${reason}; trying on`, { subscription, handle });
  }

  /** Asks the server for a subscription, unless that was done on this connection. */
  #ask(entry: Entry): void {
    if (entry.asked || !this.socket.connected) return;
    entry.asked = true;
    this.socket
      .timeout(replyTimeoutMs)
      .emitWithAck('subscribe', entry.subscription)
      .then((reply) => this.#onReply(entry, reply))
      // No answer: the connection is gone, and a new one asks again; or the server is busy.
      .catch(() => this.#askLater(entry));
  }

  #onReply(entry: Entry, reply: SubscribeReply): void {
    if (this.#entries.get(roomOf(entry.subscription)) !== entry) return;
    if (reply.ok) {
      this.#retryMs = retryMs.first;
      entry.confirmed = true;
      for (const { resolve } of entry.waiting) resolve();
      entry.waiting.clear();
    } else if (reply.error.code === 'unavailable') {
      this.#askLater(entry);
    } else {
      const error = new MosClientError(reply.error.code, reply.error.message, { subscription: entry.subscription });
      const held = entry.confirmed;
      this.#drop(entry, error);
      if (held) this.emit('error', error);
    }
  }

  #askLater(entry: Entry): void {
    if (!this.socket.connected) return;
    setTimeout(() => {
      entry.asked = false;
      if (this.#entries.get(roomOf(entry.subscription)) === entry) this.#ask(entry);
    }, this.#nextRetryMs());
  }

  #nextRetryMs(): number {
    const pauseMs = this.#retryMs;
    this.#retryMs = Math.min(2 * pauseMs, retryMs.longest);
    return pauseMs;
  }

  #leave(entry: Entry, listeners: MosListeners): void {
    entry.listeners.delete(listeners);
    if (entry.listeners.size > 0 || this.#entries.get(roomOf(entry.subscription)) !== entry) return;
    if (this.socket.connected) this.socket.emit('unsubscribe', entry.subscription);
    this.#drop(
      entry,
      new MosClientError('closed', 'the subscription was closed', { subscription: entry.subscription }),
    );
  }

  /** Forgets a subscription, and the producers of no other one. */
  #drop(entry: Entry, error: MosClientError): void {
    this.#entries.delete(roomOf(entry.subscription));
    this.#reject(entry, error);
    const others = [...this.#entries.values()];
    for (const producer of [...this.producers.values()]) {
      if (!others.some(({ subscription }) => isSubscribed(subscription, producer)))
        this.#view.forget(producer.producerId);
    }
  }

  #reject(entry: Entry, error: MosClientError): void {
    for (const { reject } of entry.waiting) reject(error);
    entry.waiting.clear();
  }

  #snapshotOf({ subscription }: Entry): MosSnapshotEvent {
    const producers = [...this.producers.values()].filter((producer) => isSubscribed(subscription, producer));
    return { type: 'snapshot', time: Date.now(), producers };
  }
}
