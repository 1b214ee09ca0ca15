import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TokenBucket } from '../feeds/token-bucket.ts';

/** Of one connection: so many at once, and as many within 10 s. */
const requestsPerConnection = { capacity: 20, refillMs: 10_000 };
/** Of all connections together, waiting ones not among them. */
const maxReplies = 100;
/** A reply of which a client takes nothing for so long ends with its connection. */
const stalledMs = 30_000;

interface Connection {
  readonly requests: TokenBucket;
  /** The end of the newest reply. */
  last: Promise<void>;
}

/**
 * Large replies, so that neither many requests nor slow readers hold the event loop or fill the memory: a connection gets one
 * after another, all connections together one chunk in a turn of the event loop, and a chunk is made when the one before
 * was taken.
 */
export class ReplyQueue {
  readonly #connections = new WeakMap<Socket, Connection>();
  #turn: Promise<void> = Promise.resolve();
  #replies = 0;

  /** Counts a request; false where it is one too many: answer 429. */
  take({ socket }: IncomingMessage): boolean {
    return this.#connectionOf(socket).requests.take(performance.now());
  }

  /** Whether there are as many replies as there may be: answer 503. */
  get isFull(): boolean {
    return this.#replies >= maxReplies;
  }

  /** Resolves once the reply has been sent, or the connection is gone. `chunks` is called when its turn has come. */
  send(response: ServerResponse, socket: Socket, chunks: () => Iterable<string>): Promise<void> {
    const connection = this.#connectionOf(socket);
    connection.last = connection.last.then(() => this.#send(response, socket, chunks));
    return connection.last;
  }

  async #send(response: ServerResponse, socket: Socket, chunks: () => Iterable<string>): Promise<void> {
    if (socket.destroyed) return;
    this.#replies += 1;
    try {
      for (const chunk of chunks()) {
        await this.#nextTurn();
        if (socket.destroyed) return;
        if (!response.write(chunk)) await eventOrEnd(response, 'drain', socket);
      }
      const finished = eventOrEnd(response, 'finish', socket);
      response.end();
      await finished;
    } finally {
      this.#replies -= 1;
    }
  }

  /** Waits until everybody who waited before had a turn of the event loop each. */
  #nextTurn(): Promise<void> {
    this.#turn = this.#turn.then(() => new Promise((resolve) => setImmediate(resolve)));
    return this.#turn;
  }

  #connectionOf(socket: Socket): Connection {
    const { capacity, refillMs } = requestsPerConnection;
    const known = this.#connections.get(socket);
    const connection = known ?? { requests: new TokenBucket(capacity, refillMs), last: Promise.resolve() };
    if (known === undefined) this.#connections.set(socket, connection);
    return connection;
  }
}

/** Resolves with the event, or the end of the connection, which is ended when nothing happens for too long. */
function eventOrEnd(response: ServerResponse, name: 'drain' | 'finish', socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      response.off(name, end);
      socket.off('close', end);
      resolve();
    };
    const timer = setTimeout(() => socket.destroy(), stalledMs);
    response.once(name, end);
    socket.once('close', end);
  });
}
