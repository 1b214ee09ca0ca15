import { createServer, type Server as HttpServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import * as mediasoup from 'mediasoup';
import { Server } from 'socket.io';
// An application says `from 'mediasoup-mos'` and `from 'mediasoup-mos/dashboard'`.
import { createMosDashboard, type MosDashboard } from '../../../plugin/dashboard/dashboard.ts';
import {
  type Authorize,
  attachMosNamespace,
  createMosObserver,
  type MosObserver,
  type MosObserverOptions,
} from '../../../plugin/index.ts';
import { Page } from './page.ts';
import type { Participant } from './protocol.ts';
import { Room } from './room.ts';

export interface ConferenceOptions {
  /** Default 3000; 0 = any free one. */
  port?: number;
  /** Where page and media listen. Default '127.0.0.1'. */
  host?: string;
  /** Where clients find the media. Default: `host`, or this machine's first address where that is a wildcard. */
  announcedIp?: string;
  /** Further options of the observer, e.g. of its scorer. */
  observerOptions?: Omit<MosObserverOptions, 'router' | 'autoAdd' | 'identify'>;
  onParticipants?: (participants: Participant[]) => void;
}

/** A media server that cannot go on. */
export class ConferenceError extends Error {}

const mediaCodecs: mediasoup.types.RouterRtpCodecCapability[] = [
  { kind: 'audio', mimeType: 'audio/opus', clockRate: 48_000, channels: 2 },
  { kind: 'audio', mimeType: 'audio/PCMU', clockRate: 8_000 },
  { kind: 'audio', mimeType: 'audio/PCMA', clockRate: 8_000 },
];

/** One room: page, signalling, media server, and an observer that tells how everybody sounds. */
export class Conference {
  /** Of the page, on this machine. */
  readonly url: string;
  readonly observer: MosObserver;
  readonly room: Room;
  readonly router: mediasoup.types.Router;
  readonly #worker: mediasoup.types.Worker;
  readonly #io: Server;
  #closed: Promise<void> | undefined;

  static async create(options: ConferenceOptions = {}): Promise<Conference> {
    const { port = 3000, host = '127.0.0.1', announcedIp, observerOptions = {}, onParticipants, ...unknown } = options;
    const [unknownName] = Object.keys(unknown);
    if (unknownName !== undefined) throw new TypeError(`unknown conference option: ${unknownName}`);

    const undo: (() => void | Promise<void>)[] = [];
    try {
      // The port first: when it is taken, nothing else need be started.
      let site: { page: Page; dashboard: MosDashboard } | undefined;
      const http = createServer((request, response) => {
        if (site) site.dashboard.handle(request, response, () => site?.page.handle(request, response));
        else response.writeHead(503, { 'retry-after': '1' }).end('starting\n');
      });
      await listen(http, port, host);
      undo.push(() => void http.close());
      const worker = await mediasoup.createWorker({ logLevel: 'warn' });
      undo.push(() => worker.close());
      const router = await worker.createRouter({ mediaCodecs });
      const announcedAddress = announcedIp ?? addressOfWildcard(host);
      const listenInfo = { ip: host, ...(announcedAddress === undefined ? {} : { announcedAddress }) };
      const webRtcServer = await worker.createWebRtcServer({
        listenInfos: [
          { protocol: 'udp', ...listenInfo },
          { protocol: 'tcp', ...listenInfo },
        ],
      });
      const observer = await createMosObserver({
        ...observerOptions,
        router,
        autoAdd: true,
        identify: ({ appData }) => appData.participantId as string | undefined,
      });
      undo.push(() => observer.scorer.close());

      const io = new Server(http, { allowRequest, serveClient: false });
      const room = new Room({
        io,
        router,
        webRtcServer,
        mediaHost: host,
        ...(onParticipants ? { onChange: onParticipants } : {}),
      });
      const authorize: Authorize = ({ handshake }) => room.knowsMosToken(handshake.auth.token);
      attachMosNamespace({ io, observers: [observer], authorize });
      const dashboard = createMosDashboard({ observers: [observer], authorize, basePath: '/quality' });
      site = { page: await Page.load(), dashboard };
      return new Conference({ http, worker, router, observer, io, room });
    } catch (error) {
      for (const step of undo.reverse()) await step();
      throw error;
    }
  }

  private constructor(parts: {
    http: HttpServer;
    worker: mediasoup.types.Worker;
    router: mediasoup.types.Router;
    observer: MosObserver;
    io: Server;
    room: Room;
  }) {
    const { address, port } = parts.http.address() as AddressInfo;
    const name = isWildcard(address) ? 'localhost' : isIPv6(address) ? `[${address}]` : address;
    this.url = `http://${name}:${port}/`;
    this.router = parts.router;
    this.observer = parts.observer;
    this.room = parts.room;
    this.#worker = parts.worker;
    this.#io = parts.io;
  }

  /** Calls back when the media server's process has died by itself; the conference is over then. */
  onWorkerDied(listener: (error: Error) => void): void {
    this.#worker.on('died', (error) => {
      if (this.#closed === undefined) listener(error);
    });
  }

  /** Resolves when every socket is closed and every process has ended. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { scorer } = this.observer;
    const workerEnded = new Promise<void>((resolve) => {
      if (this.#worker.subprocessClosed) resolve();
      else this.#worker.on('subprocessclose', resolve);
    });
    await this.#io.close();
    this.observer.close();
    await scorer.close();
    this.#worker.close();
    await workerEnded;
  }
}

async function listen(http: HttpServer, port: number, host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    http.once('error', (error: NodeJS.ErrnoException) => {
      const where = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
      if (error.code === 'EADDRINUSE') {
        reject(new ConferenceError(`${where} is in use: choose another port with --port, or 0 for any free one`));
      } else {
        reject(new ConferenceError(`cannot listen on ${where}: ${error.message}`, { cause: error }));
      }
    });
    http.listen(port, host, resolve);
  });
}

const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::';

/** What clients can be told where the server listens on every interface. */
function addressOfWildcard(host: string): string | undefined {
  if (!isWildcard(host)) return undefined;
  const family = isIPv6(host) ? 'IPv6' : 'IPv4';
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  const address = addresses.find((entry) => entry.family === family && !entry.internal)?.address;
  return address ?? (family === 'IPv6' ? '::1' : '127.0.0.1');
}

/** A page of another site must not speak to a server on this machine: WebSockets know no same-origin rule of their own. */
function allowRequest(request: IncomingMessage, decide: (error: string | null, allowed: boolean) => void): void {
  const { origin, host } = request.headers;
  const allowed = origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
  decide(allowed ? null : 'this origin is not allowed', allowed);
}
