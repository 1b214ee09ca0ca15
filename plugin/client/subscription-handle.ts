import type { MosSubscription } from '../feeds/feed-contract.ts';

/** One subscription of a client. */
export interface MosSubscriptionHandle {
  readonly subscription: MosSubscription;
  /** Ends it, for these listeners; the server gets `unsubscribe` with the last of them. */
  close(): void;
}
