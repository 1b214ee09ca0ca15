import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { Namespace } from 'socket.io';
import { logger } from '../../../src/base/log.ts';
import { checkKeys, checkString } from '../../../src/base/options.ts';
import { checkFeedAccess, type FeedAccess, type FeedAccessOptions, feedAccessKeys } from '../access.ts';
import type { MosEvent, MosScoreEvent, ProducerOrigin, ProducerSnapshot } from '../events.ts';
import {
  type ClientToServerEvents,
  type ConnectRefusal,
  type GoodbyeReason,
  isSubscriptionRoom,
  roomsOf,
  type ServerToClientEvents,
} from '../feed-contract.ts';
import type { MosSource } from '../mos-source.ts';
import { FeedSources, type ReliableEvent, snapshotOf } from '../sources.ts';
import { Subscriptions } from '../subscriptions.ts';
import { FeedConnection } from './connection.ts';
import type { EngineConnection, MosSocket } from './sockets.ts';

const log = logger('socketio');

export interface MosNamespaceOptions extends FeedAccessOptions<MosSocket> {
  /** The application's own socket.io `Server`. */
  io: { of(name: string): unknown; readonly engine?: unknown };
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
  checkKeys('attachMosNamespace', options, ['io', 'name', 'observers', ...feedAccessKeys]);
  if (typeof io?.of !== 'function') throw new TypeError('io must be a socket.io Server');
  checkString('name', name);
  const feed = new MosNamespace(io, io.of(name) as MosNamespace['namespace'], checkFeedAccess(access));
  for (const observer of observers) feed.add(observer);
  return feed;
}

/** Namespaces in use: two feeds on one would send everything twice. */
const taken = new WeakSet<object>();

/** Where sockets are that are sent no scores, since they do not keep up. */
const slowRoom = 'mos:slow';

/** Between nodes: this socket entered this room, and wants to know what others know of it. */
const enteredEvent = 'mos:entered';

/** Where sockets of one process are that connections can be recovered of; the process's id follows. */
const membersRoom = 'mos:members:';

interface BetweenNodes {
  [enteredEvent]: (socketId: string, room: string) => void;
}

/** The MOS events of observers on a socket.io namespace; made by `attachMosNamespace`. */
export class MosNamespace {
  /** For the application's middleware: `feed.namespace.use(...)`. */
  readonly namespace: Namespace<ClientToServerEvents, ServerToClientEvents>;
  readonly #access: FeedAccess<MosSocket>;
  readonly #sources: FeedSources;
  readonly #io: MosNamespaceOptions['io'];
  /** Of the application's server, those among them that never ask for this namespace. */
  readonly #connections = new Map<EngineConnection, FeedConnection>();
  /** Those that asked, until they are closed. */
  readonly #asked = new Set<FeedConnection>();
  readonly #membersRoom = `${membersRoom}${randomUUID()}`;
  readonly #checkpointing: NodeJS.Timeout | undefined;
  #engine: EngineServer | undefined;
  #closed = false;

  constructor(io: MosNamespaceOptions['io'], namespace: MosNamespace['namespace'], access: FeedAccess<MosSocket>) {
    if (taken.has(namespace)) throw new Error(`namespace ${namespace.name} streams MOS already`);
    taken.add(namespace);
    this.namespace = namespace;
    this.#io = io;
    this.#access = access;
    this.#sources = new FeedSources({
      score: (event) => this.#sendScore(event),
      reliable: (event) => this.#sendReliably(event),
      snapshot: (producer) => this.#sendSnapshot(producer),
    });
    this.#checkpointing = this.#startCheckpoints();
    this.#watchEngine();
    namespace.use((socket, next) => {
      this.#letIn(socket).then(() => next(), next);
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

  /** Sends no more of this observer; subscribers get `producerclose` of its producers. */
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
    clearInterval(this.#checkpointing);
    this.#sources.close();
    this.namespace.off('connection', this.#onConnection);
    this.#betweenNodes.off(enteredEvent, this.#onEnteredElsewhere);
    for (const socket of this.namespace.sockets.values()) this.#dismiss(socket, 'closed');
    this.#engine?.off('connection', this.#onEngineConnection);
    for (const connection of this.#connections.values()) connection.dispose();
    this.#connections.clear();
    this.#asked.clear();
    taken.delete(this.namespace);
  }

  /** Connections that asked for this namespace and are not closed yet. */
  get clientCount(): number {
    return this.#asked.size;
  }

  /** The server may get its engine later than this feed: then with the first connection that asks. */
  #watchEngine(): void {
    const { engine } = this.#io as { engine?: EngineServer };
    if (this.#engine !== undefined || typeof engine?.on !== 'function') return;
    this.#engine = engine;
    engine.on('connection', this.#onEngineConnection);
  }

  readonly #onEngineConnection = (conn: EngineConnection) => {
    this.#connectionOf(conn);
  };

  #connectionOf(conn: EngineConnection): FeedConnection {
    const known = this.#connections.get(conn);
    if (known !== undefined) return known;
    const connection: FeedConnection = new FeedConnection(conn, {
      namespace: this.namespace.name,
      access: this.#access,
      onSlow: (member, slow) => (slow ? member.join(slowRoom) : member.leave(slowRoom)),
      // Not amid the packet that was one too many.
      onOverflow: (member) => setImmediate(() => this.#dismiss(member, 'slow')),
      onFlood: (member) => this.#dismiss(member, 'too-many-requests'),
      onClose: () => {
        this.#connections.delete(conn);
        this.#asked.delete(connection);
      },
    });
    this.#connections.set(conn, connection);
    return connection;
  }

  /** Rejects with the error that is sent to the client. */
  async #letIn(socket: MosSocket): Promise<void> {
    if (this.#closed) return; // socket.io cannot take a middleware back
    this.#watchEngine();
    const connection = this.#connectionOf(socket.conn);
    // One at a time. socket.io itself closes a connection that asks for a namespace that it has joined.
    const isSurplus = connection.isAuthenticating || connection.member !== undefined;
    if (!connection.takeRequest() || isSurplus) {
      socket.conn.close(true);
      throw refusal('too-many-requests');
    }
    if (!this.#asked.has(connection) && this.#asked.size >= this.#access.maxClients) throw refusal('unavailable');
    const originError = this.#access.originError(socket.handshake.headers);
    if (originError !== undefined) {
      log.warn('a client is refused: %s', originError);
      throw refusal('forbidden-origin');
    }
    this.#asked.add(connection);
    connection.isAuthenticating = true;
    try {
      if (!(await this.#authenticate(socket))) throw refusal('unauthenticated');
    } finally {
      connection.isAuthenticating = false;
    }
  }

  async #authenticate(socket: MosSocket): Promise<boolean> {
    try {
      return (await this.#access.authenticate(socket)) === true;
    } catch (error) {
      log.warn('authenticate failed: %O', error);
      throw refusal('unavailable');
    }
  }

  readonly #onConnection = (socket: MosSocket) => {
    const { authorize, maxSubscriptions } = this.#access;
    const connection = this.#connectionOf(socket.conn);
    if (!connection.join(socket)) return;
    this.#joinMembers(socket);
    socket.once('disconnect', () => connection.leave());
    const subscriptions = new Subscriptions({
      client: socket,
      authorize,
      maxSubscriptions,
      rooms: () => [...socket.rooms].filter(isSubscriptionRoom),
      enter: (room) => this.#enter(socket, room),
      leave: (room) => socket.leave(room),
    });
    socket.use((_event, next) => {
      if (connection.takeRequest()) next();
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
    // Nothing else runs between these two, so that nothing is sent before the snapshot.
    socket.emit('snapshot', snapshotOf(this.#sources.producersIn(room)));
    socket.join(room);
    if (this.#checkpointing !== undefined) this.#checkpoint(socket.id);
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
   * Sends a score to who keeps up. Not by `volatile`, which leaves out all but the first of what is sent within one turn
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

  /**
   * socket.io recovers a connection from the last event that the client has, as long as that is in its memory: an event that
   * was sent to a room, not longer ago than connections may be away. On a calm call there is none, and a `report` of
   * the time away would be lost. So there is one with every subscription, and then often enough.
   */
  #startCheckpoints(): NodeJS.Timeout | undefined {
    const { opts } = this.#io as { opts?: { connectionStateRecovery?: { maxDisconnectionDuration?: number } } };
    const longestMs = opts?.connectionStateRecovery?.maxDisconnectionDuration;
    if (longestMs === undefined) return undefined;
    const everyMs = Math.min(Math.max(longestMs / checkpointsPerAbsence, 1000), 2 ** 31 - 1);
    return setInterval(() => {
      if (this.namespace.sockets.size > 0) this.#checkpoint(this.#membersRoom);
    }, everyMs).unref();
  }

  #checkpoint(room: string): void {
    this.namespace.to(room).emit('checkpoint');
  }

  #joinMembers(socket: MosSocket): void {
    if (this.#checkpointing === undefined) return;
    // One that is recovered may have been connected to another process.
    for (const room of socket.rooms) if (room.startsWith(membersRoom)) socket.leave(room);
    socket.join(this.#membersRoom);
  }

  /** The namespace as other processes' namespaces see it. */
  get #betweenNodes() {
    return this.namespace as unknown as Namespace<object, object, BetweenNodes>;
  }
}

/** What is used of socket.io's engine. */
interface EngineServer {
  on(name: 'connection', listener: (conn: EngineConnection) => void): unknown;
  off(name: 'connection', listener: (conn: EngineConnection) => void): unknown;
}

/** socket.io sends the message in its CONNECT_ERROR. */
const refusal = (reason: ConnectRefusal) => new Error(reason);

/** How many checkpoints are sent while a connection may be away. */
const checkpointsPerAbsence = 4;

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
