import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import type {
  ClientToServerEvents,
  MosSubscription,
  ServerToClientEvents,
  SubscribeReply,
} from '../../plugin/index.ts';

export type FeedClient = Socket<ServerToClientEvents, ClientToServerEvents>;

/** An HTTP server with socket.io on a free port, as an application has it, and clients for it. */
export interface FeedServer {
  readonly io: Server;
  /** A connected client of this namespace. */
  connect(name?: string): Promise<FeedClient>;
  close(): Promise<void>;
}

export async function startFeedServer(): Promise<FeedServer> {
  const http = createServer();
  const server = new Server(http);
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const clients: FeedClient[] = [];
  return {
    io: server,
    async connect(name = '/mos') {
      const client: FeedClient = io(`http://127.0.0.1:${port}${name}`, {
        transports: ['websocket'],
        forceNew: true,
        reconnection: false,
      });
      clients.push(client);
      await new Promise<void>((resolve, reject) => client.once('connect', resolve).once('connect_error', reject));
      return client;
    },
    async close() {
      for (const client of clients) client.close();
      await server.close();
    },
  };
}

export const subscribe = (client: FeedClient, subscription: MosSubscription): Promise<SubscribeReply> =>
  client.timeout(5000).emitWithAck('subscribe', subscription);

export const unsubscribe = (client: FeedClient, subscription: MosSubscription): Promise<SubscribeReply> =>
  client.timeout(5000).emitWithAck('unsubscribe', subscription);

/** Everything that a client hears from now on, in order: `[event name, argument]`. */
export function record(client: FeedClient): [name: string, argument: never][] {
  const heard: [string, never][] = [];
  client.onAny((name: string, argument) => {
    heard.push([name, argument as never]);
  });
  return heard;
}
