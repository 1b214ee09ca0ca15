/** For subscribers, in browsers and in Node.js: nothing here needs a server's packages, nor any of Node.js. */
export * from '../feeds/contract.ts';
export { MosClient, type MosClientOptions, type MosClientSocket } from './mos-client.ts';
export { MosClientError, type MosClientErrorCode } from './mos-client-error.ts';
export type { MosClientEvents, MosListeners } from './mos-client-events.ts';
export type { MosSubscriptionHandle } from './subscription-handle.ts';
