import type { Socket } from 'socket.io';
import type { ClientToServerEvents, ServerToClientEvents } from '../feed-contract.ts';

/** A client in the namespace. */
export type MosSocket = Socket<ClientToServerEvents, ServerToClientEvents>;

/** What is used of an engine.io connection, which carries all namespaces of a client. */
export interface EngineConnection {
  // biome-ignore lint/suspicious/noExplicitAny: several events
  on(name: string, listener: (argument: any) => void): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: several events
  off(name: string, listener: (argument: any) => void): unknown;
  /** Without `discard`, only once it has taken what waits for it. */
  close(discard?: boolean): void;
  readonly transport: unknown;
}
