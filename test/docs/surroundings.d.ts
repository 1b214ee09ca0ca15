/** What the examples of the documentation take for granted: the application around them, and imports of examples before. */
import type { Server as HttpServer } from 'node:http';
import type { types } from 'mediasoup';
import type * as mos from '../../plugin/index.ts';

type Feed = mos.MosNamespace;

declare global {
  const router: types.Router;
  const http: HttpServer & typeof import('node:http');
  const server: HttpServer;
  const io: import('socket.io').Server;
  const app: { use(path: string, handler: (request: never, response: never, next: () => void) => void): void };
  const log: { info(text: string): void; warn(text: string): void };
  const registry: import('prom-client').Registry;
  const url: string;
  const token: string;
  const routerId: string;
  const observer: mos.MosObserver;
  const observers: mos.MosObserver[];
  const feed: Feed;
  const authenticate: mos.Authenticate;
  const authorize: mos.Authorize;
  const roomOf: (token: unknown) => Promise<string | undefined>;
  const routerOf: (token: unknown) => Promise<string | undefined>;
  const mayWatch: (token: unknown, routerId: string | undefined) => boolean;

  const Scorer: typeof mos.Scorer;
  const createMosObserver: typeof mos.createMosObserver;
  const attachMosNamespace: typeof mos.attachMosNamespace;
  const attachMosWebSocket: typeof mos.attachMosWebSocket;
  const surviveOutages: typeof mos.surviveOutages;
  type Authenticate = mos.Authenticate;
  type Authorize = mos.Authorize;
  const Server: typeof import('socket.io').Server;
  const createClient: typeof import('redis').createClient;
  const createAdapter: typeof import('@socket.io/redis-streams-adapter').createAdapter;
}
