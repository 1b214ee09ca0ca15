import type { FeedAccess } from '../access.ts';
import { scoreShareOfBacklog } from '../access.ts';
import type { TokenBucket } from '../token-bucket.ts';
import { watchBacklog } from './backlog.ts';
import type { EngineConnection, MosSocket } from './sockets.ts';

export interface FeedConnectionOptions {
  /** As '/mos'. */
  readonly namespace: string;
  readonly access: Pick<FeedAccess<MosSocket>, 'requestLimit' | 'maxBacklogBytes'>;
  readonly onSlow: (member: MosSocket, slow: boolean) => void;
  readonly onOverflow: (member: MosSocket) => void;
  readonly onFlood: (member: MosSocket) => void;
  /** Called once, when the connection is really closed. */
  readonly onClose: () => void;
}

/**
 * One connection, as far as the namespace is concerned: at most one membership at a time, one allowance of requests for
 * all that follow each other, and one set of listeners for as long as it lasts.
 */
export class FeedConnection {
  /** Whether `authenticate` is deciding about it. */
  isAuthenticating = false;
  readonly #conn: EngineConnection;
  readonly #options: FeedConnectionOptions;
  readonly #requests: TokenBucket;
  /** Packets before they are decoded: a CONNECT is taken from the first, others from either. */
  readonly #packets: readonly TokenBucket[];
  #member: MosSocket | undefined;
  #isSlow = false;
  #isOverflowing = false;
  #unwatchBacklog: (() => void) | undefined;

  constructor(conn: EngineConnection, options: FeedConnectionOptions) {
    this.#conn = conn;
    this.#options = options;
    this.#requests = options.access.requestLimit();
    this.#packets = [options.access.requestLimit(), options.access.requestLimit()];
    conn.on('packet', this.#onPacket);
    conn.on('close', this.#onClose);
  }

  get member(): MosSocket | undefined {
    return this.#member;
  }

  /** Counts a request; false where it is one too many. */
  takeRequest(): boolean {
    return this.#requests.take(performance.now());
  }

  /** @returns whether there was none; where there was, the connection is closed, as socket.io does it too */
  join(member: MosSocket): boolean {
    if (this.#member !== undefined) {
      this.#conn.close();
      return false;
    }
    this.#member = member;
    const { namespace, access, onSlow, onOverflow } = this.#options;
    this.#unwatchBacklog ??= watchBacklog(this.#conn, {
      namespace,
      slowBytes: access.maxBacklogBytes * scoreShareOfBacklog,
      maxBytes: access.maxBacklogBytes,
      onSlow: (slow) => {
        this.#isSlow = slow;
        if (this.#member !== undefined) onSlow(this.#member, slow);
      },
      onOverflow: () => {
        if (this.#member === undefined || this.#isOverflowing) return;
        this.#isOverflowing = true;
        onOverflow(this.#member);
      },
    });
    onSlow(member, this.#isSlow); // one that is recovered may have been slow elsewhere
    return true;
  }

  leave(): void {
    this.#member = undefined;
    this.#isOverflowing = false;
  }

  /** Ends listening. */
  dispose(): void {
    this.#unwatchBacklog?.();
    this.#conn.off('packet', this.#onPacket);
    this.#conn.off('close', this.#onClose);
  }

  /**
   * socket.io makes a socket of every CONNECT, and a turn of every event, before anything of it can be refused: thousands
   * fit in one request. A connection that floods is closed before that; what is left of its request is not decoded then.
   */
  readonly #onPacket = ({ type, data }: { type: string; data?: unknown }) => {
    if (type !== 'message' || !isOfNamespace(data, this.#options.namespace)) return;
    const nowMs = performance.now();
    const allowances = (data as string).startsWith(connectPacket) ? this.#packets.slice(0, 1) : this.#packets;
    if (allowances.some((bucket) => bucket.take(nowMs))) return;
    if (this.#member !== undefined) this.#options.onFlood(this.#member); // which sends a reason
    this.#conn.close(this.#member === undefined);
  };

  readonly #onClose = () => {
    this.dispose();
    whenReallyClosed(this.#conn, this.#options.onClose);
  };
}

/** engine.io closes before its WebSocket is: the other side may take its time to answer. */
function whenReallyClosed({ transport }: EngineConnection, callback: () => void): void {
  const { socket } = transport as {
    socket?: { readyState?: number; once?(name: 'close', listener: () => void): void };
  };
  if (typeof socket?.once === 'function' && socket.readyState !== closedState) socket.once('close', callback);
  else callback();
}

/** CLOSED of a WebSocket. */
const closedState = 3;

/** CONNECT of the socket.io protocol. */
const connectPacket = '0';

/** Whether an encoded packet is for this namespace: "0/mos,{...}", "0/mos", or "51-/mos,..." with attachments. */
function isOfNamespace(data: unknown, namespace: string): boolean {
  if (typeof data !== 'string') return false;
  const at = data.indexOf(namespace);
  if (at < 1 || at > maxPrefixLength) return false;
  const next = data[at + namespace.length];
  return next === undefined || next === ',' || next === '?';
}

/** The type, and a count of attachments. */
const maxPrefixLength = 12;
