import { once } from 'node:events';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { MosSubscription, SubscribeReply } from '../../plugin/index.ts';
import { until } from './waiting.ts';

// biome-ignore lint/suspicious/noExplicitAny: whatever the server says
type Message = { type: string; [field: string]: any };

/** A client of the feed over a plain WebSocket, as one writes it with nothing but the documentation. */
export class FeedWebSocket {
  /** All that was heard, replies too. */
  readonly heard: Message[] = [];
  closed: { code: number; reason: string } | undefined;
  readonly #webSocket: WebSocket;
  #requests = 0;

  private constructor(webSocket: WebSocket) {
    this.#webSocket = webSocket;
    webSocket.on('message', (data) => this.heard.push(JSON.parse(String(data))));
    webSocket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) };
    });
    webSocket.on('error', () => {});
  }

  /** An open connection that has said nothing yet. */
  static async open(url: string, options: WebSocket.ClientOptions = {}): Promise<FeedWebSocket> {
    const webSocket = new WebSocket(url.replace(/^http/, 'ws'), options);
    const client = new FeedWebSocket(webSocket);
    await once(webSocket, 'open');
    return client;
  }

  /** A connection that was let in. */
  static async connect(url: string, auth?: object): Promise<FeedWebSocket> {
    const client = await FeedWebSocket.open(url);
    client.send({ type: 'connect', ...(auth === undefined ? {} : { auth }) });
    await until('an answer', () => client.heard.length > 0);
    return client;
  }

  /** The messages about producers. */
  get events(): Message[] {
    return this.heard.filter(({ type }) => type !== 'reply' && type !== 'connected');
  }

  send(message: unknown): void {
    this.#webSocket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  }

  subscribe = (subscription: MosSubscription) => this.#request('subscribe', subscription);

  unsubscribe = (subscription: MosSubscription) => this.#request('unsubscribe', subscription);

  /** Reads nothing any more from the connection; what is returned wakes it up. */
  stall(): () => void {
    const { _socket } = this.#webSocket as unknown as { _socket: Socket };
    _socket.pause();
    return () => _socket.resume();
  }

  async end(): Promise<{ code: number; reason: string }> {
    await until('closed', () => this.closed !== undefined);
    return this.closed as { code: number; reason: string };
  }

  close(): void {
    this.#webSocket.terminate();
  }

  async #request(type: 'subscribe' | 'unsubscribe', subscription: MosSubscription): Promise<SubscribeReply> {
    const id = this.#requests++;
    this.send({ type, id, subscription });
    const isReply = (message: Message) => message.type === 'reply' && message.id === id;
    await until('a reply', () => this.heard.some(isReply) || this.closed !== undefined);
    return this.heard.find(isReply) as unknown as SubscribeReply;
  }
}
