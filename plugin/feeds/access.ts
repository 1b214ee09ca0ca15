import type { IncomingHttpHeaders } from 'node:http';
import { checkInteger } from '../../src/base/options.ts';
import type { MosSubscription } from './feed-contract.ts';
import { type OriginCheck, type OriginOptions, originCheck } from './origin.ts';
import { TokenBucket } from './token-bucket.ts';

/** What an application sees of a client that connects: the same of socket.io (whose `Socket` is one) and of plain WebSockets. */
export interface MosSubscriber {
  readonly handshake: {
    /** Credentials of the client: `auth` of a socket.io client, `auth` of the first message over a plain WebSocket. */
    // biome-ignore lint/suspicious/noExplicitAny: as socket.io has it; the application checks it
    readonly auth: { readonly [key: string]: any };
    readonly headers: IncomingHttpHeaders;
    /** Of the client, or of the proxy that it came through. */
    readonly address: string;
    /** Path and query. */
    readonly url: string;
  };
  /** The application's own: what `authenticate` found out, for `authorize`. Empty at first. */
  // biome-ignore lint/suspicious/noExplicitAny: as socket.io has it
  data: any;
}

/**
 * Whether this client may connect; called once, before anything else. Only `true` lets it in. An error, thrown or by
 * rejection, refuses as 'unavailable': clients try again later.
 */
export type Authenticate<Client extends MosSubscriber = MosSubscriber> = (client: Client) => boolean | Promise<boolean>;

/** Whether this client may subscribe to that; only `true` allows. An error, thrown or by rejection, refuses as 'unavailable'. */
export type Authorize<Client extends MosSubscriber = MosSubscriber> = (
  client: Client,
  subscription: MosSubscription,
) => boolean | Promise<boolean>;

/** Lets every client subscribe to everything: for demonstrations, and where `authenticate` decides. */
export const allowAll: Authorize = () => true;

/** Whom to let in and how much of the server one client may take: options of every feed. */
export interface FeedAccessOptions<Client extends MosSubscriber> extends OriginOptions {
  /** Default: everybody may connect. */
  authenticate?: Authenticate<Client>;
  /** Default: no client may subscribe to anything. */
  authorize?: Authorize<Client>;
  /** Of one client at a time. Who sends more than 100 messages and two for each of these within 10 s is disconnected. Default 100. */
  maxSubscriptions?: number;
  /**
   * Connections at a time, those that are not authenticated yet among them. Each counts until it is really closed; more are
   * refused: with status 503 over plain WebSockets, as 'unavailable' over socket.io. Default 10000.
   */
  maxClients?: number;
  /**
   * What may wait in this process for one client to take it, bytes. Above a sixteenth of it the client is sent no scores;
   * above it the client is disconnected. Default 1 MiB.
   */
  maxBacklogBytes?: number;
}

/** Above which part of `maxBacklogBytes` a client is sent no scores. */
export const scoreShareOfBacklog = 1 / 16;

/** The options with their defaults. */
export interface FeedAccess<Client extends MosSubscriber>
  extends Required<Omit<FeedAccessOptions<Client>, keyof OriginOptions>> {
  readonly originError: OriginCheck;
  /** For each connection its own. */
  requestLimit(): TokenBucket;
}

/** Names of the options, for checks of unknown ones. */
export const feedAccessKeys = [
  'authenticate',
  'authorize',
  'maxSubscriptions',
  'maxClients',
  'maxBacklogBytes',
  'allowedOrigins',
  'allowedHosts',
] as const satisfies readonly (keyof FeedAccessOptions<MosSubscriber>)[];

/** @throws TypeError | RangeError naming the option */
export function checkFeedAccess<Client extends MosSubscriber>({
  authenticate,
  authorize = () => false,
  maxSubscriptions = 100,
  maxClients = 10_000,
  maxBacklogBytes = 2 ** 20,
  ...origins
}: FeedAccessOptions<Client>): FeedAccess<Client> {
  const isOpen = authenticate === undefined && (authorize as unknown) === allowAll;
  const hooks = { authenticate: authenticate ?? (() => true), authorize };
  for (const [name, hook] of Object.entries(hooks)) {
    if (typeof hook !== 'function') throw new TypeError(`${name} must be a function, got ${typeof hook}`);
  }
  checkInteger('maxSubscriptions', maxSubscriptions, 1, Number.MAX_SAFE_INTEGER);
  checkInteger('maxClients', maxClients, 1, Number.MAX_SAFE_INTEGER);
  checkInteger('maxBacklogBytes', maxBacklogBytes, 2 ** 14, Number.MAX_SAFE_INTEGER);
  return {
    ...hooks,
    maxSubscriptions,
    maxClients,
    maxBacklogBytes,
    originError: originCheck(origins, isOpen),
    requestLimit: () => new TokenBucket(100 + 2 * maxSubscriptions, 10_000),
  };
}
