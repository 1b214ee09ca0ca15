import type { GoodbyeReason, ServerToClientEvents } from '../feeds/feed-contract.ts';
import type { MosClientError } from './mos-client-error.ts';

/** Listeners for events of producers: all are optional. */
export type MosListeners = Partial<Omit<ServerToClientEvents, 'goodbye' | 'checkpoint'>>;

/** Events of a `MosClient` in addition to those of producers. */
export interface MosClientEvents extends Required<MosListeners> {
  /** Connected, for the first time or again. */
  connect: () => void;
  /** The connection ended; the client connects again unless it was closed. A reason is there where the server gave one. */
  disconnect: (event: { readonly reason?: GoodbyeReason }) => void;
  /** A connection or a subscription that held before is refused now. */
  error: (error: MosClientError) => void;
}
