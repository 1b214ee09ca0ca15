import type { Namespace, Socket } from 'socket.io';
import { InvalidStateError } from '../src/errors.ts';
import { logger } from '../src/log.ts';
import { checkInteger, checkKeys, checkString } from '../src/options.ts';
import type { MosEvent, MosSnapshotEvent, ProducerOrigin, ProducerSnapshot } from './events.ts';
import {
  type ClientToServerEvents,
  isSubscriptionRoom,
  type MosSubscription,
  parseSubscription,
  roomOf,
  roomsOf,
  type ServerToClientEvents,
  type SubscribeErrorCode,
  type SubscribeReply,
} from './feed-contract.ts';
import type { MosObserver, MosObserverEvents } from './observer.ts';

const log = logger('socketio');

export type MosSocket = Socket<ClientToServerEvents, ServerToClientEvents>;

/** Whether this client may hear that. An error, thrown or by rejection, refuses as 'unavailable'. */
export type Authorize = (socket: MosSocket, subscription: MosSubscription) => boolean | Promise<boolean>;

/** Lets every client hear everything: for demonstrations, and for namespaces with a middleware that decides. */
export const allowAll: Authorize = () => true;

const allowNobody: Authorize = () => false;

export interface MosNamespaceOptions {
  /** The application's own socket.io `Server`. */
  io: { of(name: string): unknown };
  /** Default '/mos'. */
  name?: string;
  /** Whose events are sent. Default none; more by `add`. */
  observers?: Iterable<MosObserver>;
  /** Default: nobody may hear anything. */
  authorize?: Authorize;
  /** Of one client at a time. Default 100. */
  maxSubscriptions?: number;
}

/**
 * Streams the events of observers over a namespace of the application's socket.io server.
 *
 * @throws TypeError | RangeError naming the option; Error when the namespace streams MOS already
 * @example
 * ```ts
 * attachMosNamespace({ io, observers: [observer], authorize: (socket) => socket.data.isModerator });
 * ```
 */
export function attachMosNamespace(options: MosNamespaceOptions): MosNamespace {
  checkKeys('attachMosNamespace', options, ['io', 'name', 'observers', 'authorize', 'maxSubscriptions']);
  const { io, name = '/mos', observers = [], authorize = allowNobody, maxSubscriptions = 100 } = options;
  if (typeof io?.of !== 'function') throw new TypeError('io must be a socket.io Server');
  checkString('name', name);
  if (typeof authorize !== 'function') throw new TypeError(`authorize must be a function, got ${typeof authorize}`);
  checkInteger('maxSubscriptions', maxSubscriptions, 1, Number.MAX_SAFE_INTEGER);
  const namespace = io.of(name) as MosNamespace['namespace'];
  const feed = new MosNamespace(namespace, authorize, maxSubscriptions);
  for (const observer of observers) feed.add(observer);
  return feed;
}

/** Namespaces in use: two feeds on one would say everything twice. */
const taken = new WeakSet<object>();

/** The MOS events of observers on a socket.io namespace; made by `attachMosNamespace`. */
export class MosNamespace {
  /** For the application's middleware: `feed.namespace.use(...)`. */
  readonly namespace: Namespace<ClientToServerEvents, ServerToClientEvents>;
  readonly #authorize: Authorize;
  readonly #maxSubscriptions: number;
  /** Each observer, and what ends listening to it. */
  readonly #observers = new Map<MosObserver, () => void>();
  /** Rooms that a socket asked for and does not have yet, and what it will be answered. */
  readonly #pending = new WeakMap<MosSocket, Map<string, Promise<SubscribeReply>>>();
  #closed = false;

  constructor(namespace: MosNamespace['namespace'], authorize: Authorize, maxSubscriptions: number) {
    if (taken.has(namespace)) throw new Error(`namespace ${namespace.name} streams MOS already`);
    taken.add(namespace);
    this.namespace = namespace;
    this.#authorize = authorize;
    this.#maxSubscriptions = maxSubscriptions;
    namespace.on('connection', this.#onConnection);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends this observer's events from now on, after what it knows now. It leaves by itself when it closes. */
  add(observer: MosObserver): void {
    if (this.#closed) throw new InvalidStateError('the MosNamespace is closed');
    if (observer.closed) throw new InvalidStateError('the MosObserver is closed');
    if (this.#observers.has(observer)) return;
    const onScore = (...[event]: MosObserverEvents['score']) => this.#to(event).volatile.emit('score', event);
    const onClose = () => this.remove(observer);
    observer.on('score', onScore);
    for (const name of reliableEvents) observer.on(name, this.#sendReliably);
    observer.observer.on('close', onClose);
    this.#observers.set(observer, () => {
      observer.off('score', onScore);
      for (const name of reliableEvents) observer.off(name, this.#sendReliably);
      observer.observer.off('close', onClose);
    });
    for (const producer of observer.snapshot) this.#to(producer).emit('snapshot', snapshotOf([producer]));
  }

  /** Sends no more of this observer; subscribers are told that its producers are gone. */
  remove(observer: MosObserver): void {
    const stop = this.#observers.get(observer);
    if (stop === undefined) return;
    stop();
    this.#observers.delete(observer);
    for (const { routerId, producerId, participantId, nextSequence: sequence } of observer.snapshot) {
      const origin = { producerId, routerId, ...(participantId === undefined ? {} : { participantId }) };
      this.#sendReliably({ type: 'close', ...origin, sequence, time: Date.now() });
    }
  }

  /** Disconnects the clients of this namespace and leaves the observers; both go on otherwise. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#observers.values()) stop();
    this.#observers.clear();
    this.namespace.off('connection', this.#onConnection);
    this.namespace.disconnectSockets();
    taken.delete(this.namespace);
  }

  /** An event that no client may miss. */
  readonly #sendReliably = (event: Exclude<MosEvent, { type: 'score' }>) => {
    // Type and argument belong together, which the compiler cannot see of a union.
    const to = this.#to(event) as unknown as { emit(type: MosEvent['type'], event: MosEvent): void };
    to.emit(event.type, event);
  };

  readonly #onConnection = (socket: MosSocket) => {
    // What a client sends is anything at all: typed as its contract only after it was looked at.
    const untyped = socket as unknown as { on(name: string, listener: (...args: unknown[]) => void): void };
    untyped.on('subscribe', (...args) => {
      this.#subscribe(socket, args[0])
        .catch((error: Error) => {
          log('authorize failed: %O', error);
          return refusal('unavailable', 'not decided, try again later');
        })
        .then((reply) => answer(args, reply))
        .catch((error: Error) => log('answering a client: %O', error));
    });
    untyped.on('unsubscribe', (...args) => answer(args, this.#unsubscribe(socket, args[0])));
  };

  async #subscribe(socket: MosSocket, payload: unknown): Promise<SubscribeReply> {
    const subscription = parseSubscription(payload);
    if (subscription === undefined) return refusal('bad-request', notASubscription);
    const room = roomOf(subscription);
    if (this.#isFull(socket, room)) {
      return refusal('too-many-subscriptions', `at most ${this.#maxSubscriptions} at a time`);
    }
    const pending = this.#pendingOf(socket);
    const asked = pending.get(room);
    if (asked !== undefined) return asked;
    const reply = this.#join(socket, subscription, room, () => pending.get(room) === reply);
    pending.set(room, reply);
    try {
      return await reply;
    } finally {
      if (pending.get(room) === reply) pending.delete(room);
    }
  }

  async #join(
    socket: MosSocket,
    subscription: MosSubscription,
    room: string,
    isWanted: () => boolean,
  ): Promise<SubscribeReply> {
    const allowed = await this.#authorize(socket, subscription);
    if (allowed !== true) return refusal('forbidden', 'not allowed to hear this');
    if (isWanted() && socket.connected && !this.#closed) {
      // Nothing else runs between these two, so that nothing gets in before or beside the snapshot.
      socket.emit('snapshot', snapshotOf(this.#producersIn(room)));
      await socket.join(room);
    }
    return { ok: true };
  }

  #unsubscribe(socket: MosSocket, payload: unknown): SubscribeReply {
    const subscription = parseSubscription(payload);
    if (subscription === undefined) return refusal('bad-request', notASubscription);
    const room = roomOf(subscription);
    this.#pending.get(socket)?.delete(room);
    socket.leave(room);
    return { ok: true };
  }

  #isFull(socket: MosSocket, wanted: string): boolean {
    const rooms = new Set([...this.#pendingOf(socket).keys(), ...[...socket.rooms].filter(isSubscriptionRoom)]);
    return !rooms.has(wanted) && rooms.size >= this.#maxSubscriptions;
  }

  #pendingOf(socket: MosSocket): Map<string, Promise<SubscribeReply>> {
    const pending = this.#pending.get(socket) ?? new Map<string, Promise<SubscribeReply>>();
    this.#pending.set(socket, pending);
    return pending;
  }

  #producersIn(room: string): ProducerSnapshot[] {
    return [...this.#observers.keys()].flatMap(({ snapshot }) =>
      snapshot.filter((producer) => roomsOf(producer).includes(room)),
    );
  }

  /** Everybody in any room of this producer, each once. */
  #to(origin: ProducerOrigin) {
    return this.namespace.to(roomsOf(origin));
  }
}

/** What an observer says of producers beside scores. */
const reliableEvents = ['noscore', 'state', 'warning', 'warningcleared', 'report', 'producerclose'] as const;

const snapshotOf = (producers: ProducerSnapshot[]): MosSnapshotEvent => ({
  type: 'snapshot',
  time: Date.now(),
  producers,
});

const notASubscription = 'expected exactly one of routerId, producerId, participantId: a string of 1 to 256 characters';

function refusal(code: SubscribeErrorCode, message: string): SubscribeReply {
  return { ok: false, error: { code, message } };
}

/** Calls the client's acknowledgement, which socket.io hands over as the last argument where the client wants one. */
function answer(args: unknown[], reply: SubscribeReply): void {
  const acknowledge = args.at(-1);
  if (typeof acknowledge === 'function') acknowledge(reply);
}
