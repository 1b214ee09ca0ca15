import type { MosSubscription, SubscribeErrorCode } from '../feeds/feed-contract.ts';

export type MosClientErrorCode =
  | SubscribeErrorCode
  /** The server does not let this client connect. */
  | 'unauthenticated'
  /** The client was closed. */
  | 'closed';

/** The server refused a connection or a subscription, or the client was closed. */
export class MosClientError extends Error {
  override readonly name = 'MosClientError';
  readonly code: MosClientErrorCode;
  /** What was refused; absent where it is the connection. */
  readonly subscription?: MosSubscription;

  constructor(code: MosClientErrorCode, message: string, subscription?: MosSubscription) {
    super(message);
    this.code = code;
    if (subscription !== undefined) this.subscription = subscription;
  }
}
