import { createServer, type Server as HttpServer } from 'node:http';
import type { Socket as NetSocket } from 'node:net';
import { Server, type ServerOptions } from 'socket.io';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import type {
  ClientToServerEvents,
  MosSubscription,
  ServerToClientEvents,
  SubscribeReply,
} from '../../plugin/index.ts';
import { listenLocally } from './listen-locally.ts';

export type FeedClient = Socket<ServerToClientEvents, ClientToServerEvents>;

/** An HTTP server with socket.io on a free port, as an application has it, and clients for it. */
export interface FeedServer {
  readonly io: Server;
  readonly http: HttpServer;
  /** As 'http://127.0.0.1:12345'. */
  readonly url: string;
  /** A connected client of this namespace, on a connection of its own; by default it stays disconnected once it was. */
  connect(name?: string, options?: Partial<ManagerOptions & SocketOptions>): Promise<FeedClient>;
  /** A connected client of another namespace on the same connection. */
  share(client: FeedClient, name: string): Promise<Socket>;
  close(): Promise<void>;
}

export async function startFeedServer(options: Partial<ServerOptions> = {}): Promise<FeedServer> {
  const http = createServer();
  const server = new Server(http, options);
  const url = `http://127.0.0.1:${await listenLocally(http)}`;
  const clients: Socket[] = [];
  const connected = async <Client extends Socket>(client: Client): Promise<Client> => {
    clients.push(client);
    await new Promise<void>((resolve, reject) => {
      client.once('connect', resolve);
      client.once('connect_error', reject);
    });
    return client;
  };
  return {
    io: server,
    http,
    url,
    connect: (name = '/mos', settings = {}) =>
      connected(
        io(`${url}${name}`, {
          transports: ['websocket'],
          forceNew: true,
          reconnection: false,
          ...settings,
        }) as FeedClient,
      ),
    share: (client, name) => connected(client.io.socket(name).connect()),
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

export const codeOf = (reply: SubscribeReply) => (reply.ok ? 'ok' : reply.error.code);

/** Everything that a client hears from now on, in order: `[event name, argument]`. */
export function record(client: FeedClient): [name: string, argument: never][] {
  const heard: [string, never][] = [];
  client.onAny((name: string, argument) => {
    heard.push([name, argument as never]);
  });
  return heard;
}

/** Makes a client read nothing any more from its connection, a WebSocket; what is returned wakes it up. */
export function stall(client: FeedClient): () => void {
  const { _socket } = (client.io.engine.transport as unknown as { ws: { _socket: NetSocket } }).ws;
  _socket.pause();
  return () => _socket.resume();
}
