import { once } from 'node:events';
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { Server as SocketIoServer } from 'socket.io';
import { createMosDashboard, type MosDashboard } from '../../plugin/dashboard/dashboard.ts';
import type { MosSubscriber } from '../../plugin/feeds/access.ts';
import type { MosSource } from '../../plugin/feeds/mos-source.ts';
import { allowAll, attachMosNamespace, attachMosWebSocket } from '../../plugin/index.ts';
import type { MosHealth } from '../../plugin/monitoring/health.ts';
import { CliError, exitCodes } from '../errors.ts';
import { bearerOf, isToken } from './token.ts';

export interface FeedServerOptions {
  readonly address: string;
  /** 0 = any. */
  readonly port: number;
  /** What clients must show; undefined = nothing. */
  readonly token: string | undefined;
  readonly source: MosSource;
  readonly health: MosHealth;
  /** Undefined = without metrics. */
  readonly registry: Registry | undefined;
}

/** Events over socket.io and plain WebSockets, their page, metrics and health, on one port. */
export class FeedServer {
  readonly #http: HttpServer;
  readonly #io: SocketIoServer;
  readonly #feeds: readonly { close(): void }[];

  private constructor(options: FeedServerOptions) {
    const { source, token } = options;
    const access = {
      observers: [source],
      authenticate: ({ handshake }: MosSubscriber) => token === undefined || isToken(token, handshake.auth.token),
      authorize: allowAll,
    };
    const dashboard = createMosDashboard(access);
    this.#http = createServer((request, response) => {
      answer(options, dashboard, request, response).catch((error: Error) => {
        response.writeHead(500, { 'content-type': 'text/plain' }).end(`${error.message}\n`);
      });
    });
    this.#io = new SocketIoServer(this.#http, { serveClient: false });
    this.#feeds = [
      attachMosNamespace({ io: this.#io, ...access }),
      attachMosWebSocket({ server: this.#http, ...access }),
      dashboard,
    ];
  }

  /** @throws {CliError} when the port cannot be bound */
  static async open(options: FeedServerOptions): Promise<FeedServer> {
    const server = new FeedServer(options);
    try {
      server.#http.listen(options.port, options.address);
      await once(server.#http, 'listening');
    } catch (cause) {
      throw new CliError((cause as Error).message, exitCodes.failed, { cause });
    }
    return server;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const feed of this.#feeds) feed.close();
    await this.#io.close();
  }
}

async function answer(
  { health, registry, token }: FeedServerOptions,
  dashboard: MosDashboard,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (health.handle(request, response)) return;
  if (request.url !== '/metrics' || registry === undefined) {
    dashboard.handle(request, response);
  } else if (token !== undefined && !isToken(token, bearerOf(request.headers.authorization))) {
    response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
  } else {
    const text = await registry.metrics();
    response.writeHead(200, { 'content-type': registry.contentType }).end(text);
  }
}
