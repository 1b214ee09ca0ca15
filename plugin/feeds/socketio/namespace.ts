import { EventEmitter } from 'node:events';
import type { Namespace, Socket } from 'socket.io';
import { logger } from '../../../src/base/log.ts';
import { checkKeys, checkString } from '../../../src/base/options.ts';
import { checkFeedAccess, type FeedAccess, type FeedAccessOptions, scoreShareOfBacklog } from '../access.ts';
import type { MosEvent, MosScoreEvent, ProducerOrigin, ProducerSnapshot } from '../events.ts';
import {
  type ClientToServerEvents,
  type GoodbyeReason,
  isSubscriptionRoom,
  roomsOf,
  type ServerToClientEvents,
} from '../feed-contract.ts';
import type { MosSource } from '../mos-source.ts';
import { FeedSources, type ReliableEvent, snapshotOf } from '../sources.ts';
import { Subscriptions } from '../subscriptions.ts';
import { watchBacklog } from './backlog.ts';

const log = logger('socketio');

export type MosSocket = Socket<ClientToServerEvents, ServerToClientEvents>;

export interface MosNamespaceOptions extends FeedAccessOptions<MosSocket> {
  /** The application's own socket.io `Server`. */
  io: { of(name: string): unknown };
  /** Default '/mos'. */
  name?: string;
  /** Whose events are sent. Default none; more by `add`. */
  observers?: Iterable<MosSource>;
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
  const { io, name = '/mos', observers = [], ...access } = options;
  checkKeys('attachMosNamespace', options, [
    'io',
    'name',
    'observers',
    'authenticate',
    'authorize',
    'maxSubscriptions',
    'maxBacklogBytes',
  ]);
  if (typeof io?.of !== 'function') throw new TypeError('io must be a socket.io Server');
  checkString('name', name);
  const feed = new MosNamespace(io.of(name) as MosNamespace['namespace'], checkFeedAccess(access));
  for (const observer of observers) feed.add(observer);
  return feed;
}

/** Namespaces in use: two feeds on one would say everything twice. */
const taken = new WeakSet<object>();

/** Where sockets are that are sent no scores, since they do not keep up. */
const slowRoom = 'mos:slow';

/** Between nodes: this socket entered this room, and wants to know what others know of it. */
const enteredEvent = 'mos:entered';

interface BetweenNodes {
  [enteredEvent]: (socketId: string, room: string) => void;
}

/** The MOS events of observers on a socket.io namespace; made by `attachMosNamespace`. */
export class MosNamespace {
  /** For the application's middleware: `feed.namespace.use(...)`. */
  readonly namespace: Namespace<ClientToServerEvents, ServerToClientEvents>;
  readonly #access: FeedAccess<MosSocket>;
  readonly #sources: FeedSources;
  #closed = false;

  constructor(namespace: MosNamespace['namespace'], access: FeedAccess<MosSocket>) {
    if (taken.has(namespace)) throw new Error(`namespace ${namespace.name} streams MOS already`);
    taken.add(namespace);
    this.namespace = namespace;
    this.#access = access;
    this.#sources = new FeedSources({
      score: (event) => this.#sendScore(event),
      reliable: (event) => this.#sendReliably(event),
      snapshot: (producer) => this.#sendSnapshot(producer),
    });
    namespace.use((socket, next) => {
      this.#authenticate(socket).then(() => next(), next);
    });
    namespace.on('connection', this.#onConnection);
    this.#betweenNodes.on(enteredEvent, this.#onEnteredElsewhere);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends this observer's events from now on, after what it knows now. It leaves by itself when it closes. */
  add(observer: MosSource): void {
    this.#sources.add(observer);
  }

  /** Sends no more of this observer; subscribers are told that its producers are gone. */
  remove(observer: MosSource): void {
    this.#sources.remove(observer);
  }

  /**
   * Sends every subscriber the snapshot of every producer of this process again: for when events may have been lost on the
   * way to other nodes.
   */
  resync(): void {
    for (const producer of this.#sources.producers) this.#sendSnapshot(producer);
  }

  /** Disconnects this process's clients of the namespace and leaves the observers; both go on otherwise. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sources.close();
    this.namespace.off('connection', this.#onConnection);
    this.#betweenNodes.off(enteredEvent, this.#onEnteredElsewhere);
    for (const socket of this.namespace.sockets.values()) this.#dismiss(socket, 'closed');
    taken.delete(this.namespace);
  }

  /** Rejects with what the client is told. */
  async #authenticate(socket: MosSocket): Promise<void> {
    if (this.#closed) return; // socket.io cannot take a middleware back
    try {
      if ((await this.#access.authenticate(socket)) === true) return;
    } catch (error) {
      log('authenticate failed: %O', error);
    }
    throw new Error('unauthenticated' satisfies GoodbyeReason);
  }

  readonly #onConnection = (socket: MosSocket) => {
    const { authorize, maxSubscriptions, maxBacklogBytes } = this.#access;
    const requests = this.#access.requestLimit();
    const subscriptions = new Subscriptions({
      client: socket,
      authorize,
      maxSubscriptions,
      rooms: () => [...socket.rooms].filter(isSubscriptionRoom),
      enter: (room) => this.#enter(socket, room),
      leave: (room) => socket.leave(room),
    });
    socket.leave(slowRoom); // a connection that was recovered may have been slow
    const unwatch = watchBacklog(socket as unknown as Socket, {
      slowBytes: maxBacklogBytes * scoreShareOfBacklog,
      maxBytes: maxBacklogBytes,
      onSlow: (slow) => (slow ? socket.join(slowRoom) : socket.leave(slowRoom)),
      // Not amid the packet that was one too many.
      onOverflow: () => setImmediate(() => this.#dismiss(socket, 'slow')),
    });
    socket.once('disconnect', unwatch);
    socket.use((_event, next) => {
      if (requests.take(performance.now())) next();
      else this.#dismiss(socket, 'too-many-requests');
    });
    // What a client sends is anything at all: typed as its contract only after it was looked at.
    const untyped = socket as unknown as { on(name: string, listener: (...args: unknown[]) => void): void };
    untyped.on('subscribe', (...args) => {
      subscriptions
        .subscribe(args[0])
        .then((reply) => answer(args, reply))
        .catch((error: Error) => log('answering a client: %O', error));
    });
    untyped.on('unsubscribe', (...args) => answer(args, subscriptions.unsubscribe(args[0])));
  };

  #enter(socket: MosSocket, room: string): void {
    if (!socket.connected || this.#closed) return;
    // Nothing else runs between these two, so that nothing gets in before or beside the snapshot.
    socket.emit('snapshot', snapshotOf(this.#sources.producersIn(room)));
    socket.join(room);
    if (hasOtherNodes(this.namespace.adapter)) this.#betweenNodes.serverSideEmit(enteredEvent, socket.id, room);
  }

  readonly #onEnteredElsewhere = (socketId: string, room: string) => {
    const producers = this.#sources.producersIn(room);
    if (producers.length > 0) this.namespace.to(socketId).emit('snapshot', snapshotOf(producers));
  };

  /** Ends this client's part of the connection, which may carry other namespaces of the application. */
  #dismiss(socket: MosSocket, reason: GoodbyeReason): void {
    if (!socket.connected) return;
    log('socket %s is disconnected: %s', socket.id, reason);
    socket.emit('goodbye', { type: 'goodbye', reason });
    socket.disconnect();
  }

  /**
   * Sends a score to who keeps up. Not by `volatile`, which leaves out all but the first of what is said within one turn
   * of the event loop: every score of a room comes within one. `volatile: false` is neither left out nor kept for clients
   * that recover their connection.
   */
  #sendScore(event: MosScoreEvent): void {
    this.namespace.adapter.broadcast(
      { type: eventPacket, data: ['score', event] },
      { rooms: new Set(roomsOf(event)), except: new Set([slowRoom]), flags: { volatile: false } },
    );
  }

  #sendReliably(event: ReliableEvent): void {
    // Type and argument belong together, which the compiler cannot see of a union.
    const to = this.#to(event) as unknown as { emit(type: MosEvent['type'], event: MosEvent): void };
    to.emit(event.type, event);
  }

  #sendSnapshot(producer: ProducerSnapshot): void {
    this.#to(producer).emit('snapshot', snapshotOf([producer]));
  }

  /** Everybody in any room of this producer, each once. */
  #to(origin: ProducerOrigin) {
    return this.namespace.to(roomsOf(origin));
  }

  /** The namespace as other processes' namespaces see it. */
  get #betweenNodes() {
    return this.namespace as unknown as Namespace<object, object, BetweenNodes>;
  }
}

/** EVENT of the socket.io protocol. */
const eventPacket = 2;

/** Whether the adapter joins several processes: those that do not inherit a `serverSideEmit` that only warns. */
function hasOtherNodes(adapter: object): boolean {
  let owner = adapter;
  while (!Object.hasOwn(owner, 'serverSideEmit')) owner = Object.getPrototypeOf(owner);
  return Object.getPrototypeOf(owner) !== EventEmitter.prototype;
}

/** Calls the client's acknowledgement, which socket.io hands over as the last argument where the client wants one. */
function answer(args: unknown[], reply: unknown): void {
  const acknowledge = args.at(-1);
  if (typeof acknowledge === 'function') acknowledge(reply);
}
