import { once } from 'node:events';
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { Server as SocketIoServer } from 'socket.io';
import { createMosDashboard, type MosDashboard } from '../../plugin/dashboard/dashboard.ts';
import { checkFeedAccess, type MosSubscriber } from '../../plugin/feeds/access.ts';
import type { MosSource } from '../../plugin/feeds/mos-source.ts';
import type { OriginCheck } from '../../plugin/feeds/origin.ts';
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
  /** Below which everything is served, as '/quality'; '' = at the root. */
  readonly pathPrefix: string;
  /** Of web pages that may connect, besides our own. */
  readonly origins: readonly string[];
}

/** Events over socket.io and plain WebSockets, their page, metrics and health, on one port. */
export class FeedServer {
  readonly #http: HttpServer;
  readonly #io: SocketIoServer;
  readonly #feeds: readonly { close(): void }[];

  private constructor(options: FeedServerOptions) {
    const { source, token, pathPrefix, origins } = options;
    const authenticate = ({ handshake }: MosSubscriber) => token === undefined || isToken(token, handshake.auth.token);
    const shared = { observers: [source], authenticate, authorize: allowAll };
    // Without a token, every client that reaches this server may read it: a browser must have addressed it by a name of its own.
    const access = { ...shared, allowedOrigins: origins, ...(token === undefined ? { allowedHosts: [] } : {}) };
    const { originError } = checkFeedAccess(access);
    const dashboard = createMosDashboard({ ...shared, basePath: pathPrefix || '/' });
    const metrics = metricsOf(options.registry);
    this.#http = createServer((request, response) => {
      answer({ ...options, dashboard, metrics, originError }, request, response).catch((error: Error) => {
        response.writeHead(500, { 'content-type': 'text/plain' }).end(`${error.message}\n`);
      });
    });
    this.#io = new SocketIoServer(this.#http, {
      serveClient: false,
      path: `${pathPrefix}/socket.io/`,
      cors: { origin: origins.includes('*') ? '*' : [...origins] },
      allowRequest: ({ headers }, callback) => {
        const error = originError(headers);
        callback(error, error === undefined);
      },
    });
    this.#feeds = [
      attachMosNamespace({ io: this.#io, ...access }),
      attachMosWebSocket({ server: this.#http, path: `${pathPrefix}/mos`, ...access }),
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

interface Answering extends FeedServerOptions {
  readonly dashboard: MosDashboard;
  readonly metrics: () => Promise<string>;
  readonly originError: OriginCheck;
}

async function answer(
  { health, registry, token, pathPrefix, dashboard, metrics, originError }: Answering,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const error = originError(request.headers);
  if (error !== undefined) {
    response.writeHead(403, { 'content-type': 'text/plain' }).end(`${error}\n`);
    return;
  }
  if (allowOrigin(request, response)) return;
  const { url = '/', method } = request;
  const path = url.startsWith(`${pathPrefix}/`) ? url.slice(pathPrefix.length) : url;
  if (health.handle({ ...(method === undefined ? {} : { method }), url: path }, response)) return;
  if (path !== '/metrics' || registry === undefined) {
    dashboard.handle(request, response);
  } else if (token !== undefined && !isToken(token, bearerOf(request.headers.authorization))) {
    response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
  } else {
    const text = await metrics();
    response.writeHead(200, { 'content-type': registry.contentType }).end(text);
  }
}

/** Lets a page of another origin, which has been checked, read the reply. @returns whether the request was answered with it */
function allowOrigin({ method, headers: { origin } }: IncomingMessage, response: ServerResponse): boolean {
  if (origin === undefined) return false;
  response.setHeader('access-control-allow-origin', origin).setHeader('vary', 'origin');
  if (method !== 'OPTIONS') return false;
  response.writeHead(204, { 'access-control-allow-headers': 'authorization' }).end();
  return true;
}

/** The text of the metrics; requests that come while it is being made share it. */
function metricsOf(registry: Registry | undefined): () => Promise<string> {
  let making: Promise<string> | undefined;
  return () => {
    making ??= (registry?.metrics() ?? Promise.resolve('')).finally(() => {
      making = undefined;
    });
    return making;
  };
}
