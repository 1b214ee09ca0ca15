import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { logger } from '../../../src/base/log.ts';
import { type FeedAccess, type MosSubscriber, scoreShareOfBacklog } from '../access.ts';
import type { GoodbyeReason } from '../feed-contract.ts';
import { Subscriptions } from '../subscriptions.ts';
import { closeCodes, requestEnvelope, type WebSocketReply, type WebSocketRequest } from './contract.ts';

const log = logger('websocket');

/** A client has to authenticate within this time. */
const connectTimeoutMs = 10_000;
/** What is left of a connection is dropped this long after it was closed. */
const lingerMs = 5000;

export interface WebSocketClientOptions {
  readonly access: FeedAccess<MosSubscriber>;
  /** Sends the client the snapshot of a room that it enters. */
  readonly onEnter: (room: string) => void;
  readonly onLeave: (room: string) => void;
  /** Called once, when nothing more is sent to it. */
  readonly onEnd: () => void;
}

/** One client of the feed over plain WebSockets: from its first message, which authenticates it, to its goodbye. */
export class WebSocketClient {
  readonly rooms = new Set<string>();
  readonly #webSocket: WebSocket;
  readonly #options: WebSocketClientOptions;
  readonly #subscriber: { handshake: MosSubscriber['handshake']; data: object };
  readonly #subscriptions: Subscriptions<MosSubscriber>;
  readonly #requests: { take(nowMs: number): boolean };
  readonly #connecting: NodeJS.Timeout;
  #state: 'new' | 'authenticating' | 'ready' | 'ended' = 'new';
  #alive = true;

  constructor(webSocket: WebSocket, { url = '', headers, socket }: IncomingMessage, options: WebSocketClientOptions) {
    this.#webSocket = webSocket;
    this.#options = options;
    const { authorize, maxSubscriptions } = options.access;
    this.#requests = options.access.requestLimit();
    this.#subscriber = { handshake: { auth: {}, headers, address: socket.remoteAddress ?? '', url }, data: {} };
    this.#subscriptions = new Subscriptions({
      client: this.#subscriber,
      authorize,
      maxSubscriptions,
      rooms: () => this.rooms,
      enter: (room) => this.#enter(room),
      leave: (room) => this.#leave(room),
    });
    this.#connecting = setTimeout(
      // Either the client did not authenticate, or the application has not decided.
      () => this.dismiss(this.#state === 'new' ? 'unauthenticated' : 'unavailable'),
      connectTimeoutMs,
    );
    webSocket.on('message', (data, isBinary) => this.#onMessage(data, isBinary));
    webSocket.on('pong', () => {
      this.#alive = true;
    });
    webSocket.on('close', () => this.#end());
    // A frame that is too large or none of the protocol: ws closes the connection, with the code for it.
    webSocket.on('error', (error) => log('connection failed: %s', error.message));
  }

  /** @param droppable - is left out where the client does not keep up */
  send(message: string, { droppable = false } = {}): void {
    if (this.#state === 'ended') return;
    const { maxBacklogBytes } = this.#options.access;
    if (droppable && this.#webSocket.bufferedAmount > maxBacklogBytes * scoreShareOfBacklog) return;
    this.#webSocket.send(message, ignoreLateError);
    if (this.#webSocket.bufferedAmount > maxBacklogBytes) this.dismiss('slow');
  }

  /** Ends the connection, saying why. */
  dismiss(reason: GoodbyeReason): void {
    if (this.#state === 'ended') return;
    log('client is disconnected: %s', reason);
    this.#webSocket.send(JSON.stringify({ type: 'goodbye', reason }), ignoreLateError);
    this.#webSocket.close(closeCodes[reason], reason);
    setTimeout(() => this.#webSocket.terminate(), lingerMs).unref();
    this.#end();
  }

  /** Drops a client that did not answer since the last check. */
  checkAlive(): void {
    if (!this.#alive) this.#webSocket.terminate();
    else if (this.#webSocket.readyState === WebSocket.OPEN) this.#webSocket.ping(ignoreLateError);
    this.#alive = false;
  }

  #onMessage(data: WebSocket.RawData, isBinary: boolean): void {
    if (this.#state === 'ended') return;
    if (!this.#requests.take(performance.now())) {
      this.dismiss('too-many-requests');
      return;
    }
    const request = isBinary ? undefined : parseRequest(String(data));
    if (request === undefined) this.dismiss('bad-request');
    else if (request.type === 'connect') this.#connect(request);
    else this.#answer(request);
  }

  async #connect({ auth = {} }: WebSocketRequest & { type: 'connect' }): Promise<void> {
    if (this.#state !== 'new') return this.dismiss('bad-request');
    this.#state = 'authenticating';
    this.#subscriber.handshake = { ...this.#subscriber.handshake, auth };
    const refusal = await this.#authenticate();
    if (refusal !== undefined) return this.dismiss(refusal);
    if (this.#isEnded()) return;
    clearTimeout(this.#connecting);
    this.#state = 'ready';
    this.send(JSON.stringify({ type: 'connected' }));
  }

  async #authenticate(): Promise<GoodbyeReason | undefined> {
    try {
      return (await this.#options.access.authenticate(this.#subscriber)) === true ? undefined : 'unauthenticated';
    } catch (error) {
      log.warn('authenticate failed: %O', error);
      return 'unavailable';
    }
  }

  async #answer({ type, id, subscription }: Exclude<WebSocketRequest, { type: 'connect' }>): Promise<void> {
    if (this.#state !== 'ready') return this.dismiss('unauthenticated');
    const result = await this.#subscriptions[type](subscription);
    const reply = { type: 'reply', ...(id === undefined ? {} : { id }), ...result } satisfies WebSocketReply;
    this.send(JSON.stringify(reply));
  }

  #enter(room: string): void {
    if (this.#isEnded()) return;
    this.#options.onEnter(room);
    this.rooms.add(room);
  }

  #leave(room: string): void {
    if (this.rooms.delete(room)) this.#options.onLeave(room);
  }

  #end(): void {
    if (this.#isEnded()) return;
    this.#state = 'ended';
    clearTimeout(this.#connecting);
    for (const room of this.rooms) this.#leave(room);
    this.#options.onEnd();
  }

  #isEnded(): boolean {
    return this.#state === 'ended';
  }
}

/** A connection that fails while something is sent closes: `close` handles it. */
const ignoreLateError = () => {};

function parseRequest(text: string): WebSocketRequest | undefined {
  try {
    return requestEnvelope.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // not JSON
  }
}
