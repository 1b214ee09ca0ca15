import type { ProducerOrigin } from '../feeds/events.ts';

/** What the dashboard's server remembers of a producer, and its page of every row: an hour, to 5 s. */
export const historySpan = { bucketMs: 5000, spanMs: 3_600_000 } as const;

/** The answer to GET history. */
export interface HistoryReply {
  /** The server's clock, Unix ms. */
  readonly nowMs: number;
  readonly producers: readonly ProducerHistory[];
}

/** The answer to GET routers. */
export interface RoutersReply {
  /** Routers observed by this server that the caller may subscribe to. */
  readonly routerIds: readonly string[];
}

export interface ProducerHistory extends ProducerOrigin {
  /** Unix ms; absent while the producer is there. */
  readonly closedAtMs?: number;
  /** `PackedHistory.firstBucket`, of `historySpan.bucketMs`. */
  readonly firstBucket: number;
  /** `PackedHistory.bytes` in base64. */
  readonly points: string;
}
