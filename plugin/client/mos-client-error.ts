import type { MosSubscription, SubscribeErrorCode } from '../feeds/feed-contract.ts';
import type { MosSubscriptionHandle } from './subscription-handle.ts';

export type MosClientErrorCode =
  | SubscribeErrorCode
  /** The server does not let this client connect. */
  | 'unauthenticated'
  /** No connection within `connectTimeoutMs`: no server there, another path, or CORS. The client goes on trying. */
  | 'unreachable'
  /** The client was closed. */
  | 'closed';

/** The server refused a connection or a subscription or cannot be reached, or the client was closed. */
export class MosClientError extends Error {
  override readonly name = 'MosClientError';
  readonly code: MosClientErrorCode;
  /** What was refused; absent where it is the connection. */
  readonly subscription?: MosSubscription;
  /** Where the client goes on trying ('unreachable' and 'unavailable' of `subscribe`): ends that. */
  readonly handle?: MosSubscriptionHandle;

  constructor(
    code: MosClientErrorCode,
    message: string,
    { subscription, handle }: { subscription?: MosSubscription; handle?: MosSubscriptionHandle } = {},
  ) {
    super(message);
    this.code = code;
    if (subscription !== undefined) this.subscription = subscription;
    if (handle !== undefined) this.handle = handle;
  }
}
