import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { logger } from '../../../src/base/log.ts';
import { checkInteger, checkKeys, checkString } from '../../../src/base/options.ts';
import {
  checkFeedAccess,
  type FeedAccess,
  type FeedAccessOptions,
  feedAccessKeys,
  type MosSubscriber,
} from '../access.ts';
import type { MosEvent, MosSnapshotEvent, ProducerOrigin } from '../events.ts';
import { roomsOf } from '../feed-contract.ts';
import type { MosSource } from '../mos-source.ts';
import { FeedSources, snapshotOf } from '../sources.ts';
import { WebSocketClient } from './client.ts';

const log = logger('websocket');

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** What is used of a `http.Server` or `https.Server`. */
export interface UpgradableServer {
  on(event: 'upgrade', listener: UpgradeListener): unknown;
  off(event: 'upgrade', listener: UpgradeListener): unknown;
  listenerCount(event: 'upgrade'): number;
}

export interface MosWebSocketOptions extends FeedAccessOptions<MosSubscriber> {
  /** The application's own HTTP server, which it may share with socket.io. */
  server: UpgradableServer;
  /** Default '/mos'. */
  path?: string;
  /** Whose events are sent. Default none; more by `add`. */
  observers?: Iterable<MosSource>;
  /** How often clients are asked whether they are there, ms; who does not answer until the next time is dropped. Default 25000. */
  pingIntervalMs?: number;
}

type FeedSettings = Required<Pick<MosWebSocketOptions, 'server' | 'path' | 'pingIntervalMs'>>;

/** The largest message that is taken from a client, bytes: room for a signed token. */
const maxMessageBytes = 16 * 1024;

/**
 * Streams the events of observers over plain WebSockets, as JSON: for clients that have no socket.io. It serves the
 * observers of this process only.
 *
 * @throws TypeError | RangeError naming the option
 * @example
 * ```ts
 * attachMosWebSocket({ server, observers: [observer], authenticate, authorize });
 * ```
 */
export function attachMosWebSocket(options: MosWebSocketOptions): MosWebSocketFeed {
  checkKeys('attachMosWebSocket', options, ['server', 'path', 'observers', 'pingIntervalMs', ...feedAccessKeys]);
  const { server, path = '/mos', observers = [], pingIntervalMs = 25_000, ...access } = options;
  if (typeof server?.on !== 'function' || typeof server.listenerCount !== 'function') {
    throw new TypeError('server must be a http.Server');
  }
  checkString('path', path);
  if (!path.startsWith('/')) throw new RangeError(`path must begin with '/', got '${path}'`);
  checkInteger('pingIntervalMs', pingIntervalMs, 1, 2 ** 31 - 1);
  const feed = new MosWebSocketFeed({ server, path, pingIntervalMs }, checkFeedAccess(access));
  for (const observer of observers) feed.add(observer);
  return feed;
}

/** The MOS events of observers over plain WebSockets; made by `attachMosWebSocket`. */
export class MosWebSocketFeed {
  readonly #options: FeedSettings;
  readonly #access: FeedAccess<MosSubscriber>;
  readonly #sources: FeedSources;
  // Without compression: it keeps some 300 KiB for each client.
  readonly #webSockets = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes, clientTracking: false });
  readonly #clients = new Set<WebSocketClient>();
  /** Connections that are not closed yet, those that are sent nothing any more among them. */
  #connections = 0;
  readonly #rooms = new Map<string, Set<WebSocketClient>>();
  readonly #pinging: NodeJS.Timeout;
  #closed = false;

  constructor(options: FeedSettings, access: FeedAccess<MosSubscriber>) {
    this.#options = options;
    this.#access = access;
    this.#sources = new FeedSources({
      score: (event) => this.#send(event, event, true),
      reliable: (event) => this.#send(event, event),
      snapshot: (producer) => this.#send(producer, snapshotOf([producer])),
    });
    this.#pinging = setInterval(() => {
      for (const client of this.#clients) client.checkAlive();
    }, options.pingIntervalMs).unref();
    options.server.on('upgrade', this.#onUpgrade);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Clients that are sent something; connections that are being closed are not among them. */
  get clientCount(): number {
    return this.#clients.size;
  }

  /** Sends this observer's events from now on, after what it knows now. It leaves by itself when it closes. */
  add(observer: MosSource): void {
    this.#sources.add(observer);
  }

  /** Sends no more of this observer; subscribers get `producerclose` of its producers. */
  remove(observer: MosSource): void {
    this.#sources.remove(observer);
  }

  /** Disconnects the clients and leaves the observers and the server; both go on otherwise. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#pinging);
    this.#options.server.off('upgrade', this.#onUpgrade);
    this.#sources.close();
    for (const client of this.#clients) client.dismiss('closed');
  }

  readonly #onUpgrade: UpgradeListener = (request, socket, head) => {
    const { path, server } = this.#options;
    const originError = this.#access.originError(request.headers);
    if (request.url?.split('?', 1)[0] !== path) {
      // Of another listener, if there is one.
      if (server.listenerCount('upgrade') === 1) refuse(socket, '404 Not Found');
    } else if (originError !== undefined) {
      log.warn('a client is refused: %s', originError);
      refuse(socket, '403 Forbidden');
    } else if (this.#connections >= this.#access.maxClients) {
      refuse(socket, '503 Service Unavailable');
    } else {
      this.#connections += 1;
      socket.once('close', () => {
        this.#connections -= 1;
      });
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        const client: WebSocketClient = new WebSocketClient(webSocket, request, {
          access: this.#access,
          onEnter: (room) => this.#onEnter(client, room),
          onLeave: (room) => this.#onLeave(client, room),
          onEnd: () => this.#clients.delete(client),
        });
        this.#clients.add(client);
      });
    }
  };

  #onEnter(client: WebSocketClient, room: string): void {
    client.send(JSON.stringify(snapshotOf(this.#sources.producersIn(room))));
    const clients = this.#rooms.get(room) ?? new Set();
    this.#rooms.set(room, clients.add(client));
  }

  #onLeave(client: WebSocketClient, room: string): void {
    const clients = this.#rooms.get(room);
    clients?.delete(client);
    if (clients?.size === 0) this.#rooms.delete(room);
  }

  /** Sends to everybody in any room of this producer, each once. */
  #send(origin: ProducerOrigin, event: MosEvent | MosSnapshotEvent, droppable = false): void {
    const clients = new Set(roomsOf(origin).flatMap((room) => [...(this.#rooms.get(room) ?? [])]));
    if (clients.size === 0) return;
    const message = JSON.stringify(event);
    for (const client of clients) client.send(message, { droppable });
  }
}

/** Closes the connection once that is written, whether or not the other side closes it too. */
function refuse(socket: Duplex, status: string): void {
  socket.on('error', () => {}); // gone already
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
