import type { IncomingMessage, ServerResponse } from 'node:http';
import { InvalidStateError } from '../../src/base/errors.ts';
import { logger } from '../../src/base/log.ts';
import { checkInteger, checkKeys, checkString } from '../../src/base/options.ts';
import { type Authenticate, type Authorize, checkFeedAccess, type MosSubscriber } from '../feeds/access.ts';
import type { MosStatusEvent } from '../feeds/events.ts';
import { type MosSubscription, parseSubscription } from '../feeds/feed-contract.ts';
import type { MosSource } from '../feeds/mos-source.ts';
import type { MosObserverEvents } from '../feeds/observer-events.ts';
import type { OriginCheck } from '../feeds/origin.ts';
import { type Asset, loadAssets } from './assets.ts';
import { placeTime, steadyNowMs } from './history-clock.ts';
import { HistoryLog } from './history-log.ts';
import { historySpan, type RoutersReply } from './history-reply.ts';
import { ReplyQueue } from './reply-queue.ts';

const log = logger('dashboard');

export interface MosDashboardOptions {
  /** Whose events are remembered. Default none; more by `add`. */
  observers?: Iterable<MosSource>;
  /** As of the feed: the page's token is in `handshake.auth.token`. Asked before `authorize`. Default: everybody may connect. */
  authenticate?: Authenticate;
  /** As of the feed, and best the same function: whether this caller may read that history. Default: no caller may. */
  authorize?: Authorize;
  /** As of the feed: names by which the history may be asked for where anybody may read it. */
  allowedHosts?: readonly string[];
  /** Where it is mounted in a plain `http` server, e.g. '/quality'. Default '/': also right under Express's `app.use(path, ...)`. */
  basePath?: string;
  /** Who may show the page in a frame: sources of the CSP's `frame-ancestors`. Default ["'self'"]. */
  frameAncestors?: readonly string[];
  /** Producers remembered at a time, 3.6 kB each; then the oldest makes way. Default 2000. */
  maxProducers?: number;
}

/**
 * A page that shows how everybody sounds, with the last hour of it: mount `handle` in an `http` or Express server.
 *
 * @throws TypeError | RangeError naming the option; Error when the page's files are missing
 * @example
 * ```ts
 * const dashboard = createMosDashboard({
 *   observers: [observer],
 *   authorize: ({ handshake }, subscription) => mayHear(handshake.auth.token, subscription),
 * });
 * app.use('/quality', dashboard.handle);
 * ```
 */
export function createMosDashboard(options: MosDashboardOptions = {}): MosDashboard {
  checkKeys('createMosDashboard', options, [
    'observers',
    'authenticate',
    'authorize',
    'allowedHosts',
    'basePath',
    'frameAncestors',
    'maxProducers',
  ]);
  const { observers = [], basePath = '/', frameAncestors = ["'self'"], maxProducers = 2000 } = options;
  const { authenticate, authorize, originError } = checkFeedAccess<MosSubscriber>({
    ...(options.authenticate === undefined ? {} : { authenticate: options.authenticate }),
    ...(options.authorize === undefined ? {} : { authorize: options.authorize }),
    ...(options.allowedHosts === undefined ? {} : { allowedHosts: options.allowedHosts }),
  });
  checkString('basePath', basePath);
  if (!basePath.startsWith('/')) throw new TypeError(`basePath must begin with '/', got '${basePath}'`);
  if (!Array.isArray(frameAncestors)) throw new TypeError('frameAncestors must be an array of CSP sources');
  for (const source of frameAncestors) {
    if (typeof source !== 'string' || !/^[\x21-\x7e]+$/.test(source) || /[;,]/.test(source)) {
      throw new TypeError(`frameAncestors: '${source}' is no CSP source`);
    }
  }
  checkInteger('maxProducers', maxProducers, 1, Number.MAX_SAFE_INTEGER);
  const dashboard = new MosDashboard({
    assets: loadAssets(),
    // Of pages of other origins, browsers keep the reply from them.
    hostError: ({ host = '' }) => originError({ host }),
    mayRead: async (client, subscription) =>
      (await authenticate(client)) === true && (await authorize(client, subscription)) === true,
    basePath: basePath.replace(/\/+$/, ''),
    contentSecurityPolicy: contentSecurityPolicy(frameAncestors),
    maxProducers,
  });
  for (const observer of observers) dashboard.add(observer);
  return dashboard;
}

const contentSecurityPolicy = (frameAncestors: readonly string[]): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    `frame-ancestors ${frameAncestors.join(' ') || "'none'"}`,
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');

type MayRead = (client: MosSubscriber, subscription: MosSubscription) => Promise<boolean>;

/** The dashboard's server side; made by `createMosDashboard`. */
export class MosDashboard {
  readonly #assets: ReadonlyMap<string, Asset>;
  readonly #mayRead: MayRead;
  readonly #hostError: OriginCheck;
  readonly #basePath: string;
  readonly #contentSecurityPolicy: string;
  /** By the steady clock. */
  readonly #log: HistoryLog;
  readonly #replies = new ReplyQueue();
  /** Each observer, and what ends listening to it. */
  readonly #observers = new Map<MosSource, () => void>();
  #closed = false;

  constructor(options: {
    assets: ReadonlyMap<string, Asset>;
    mayRead: MayRead;
    hostError: OriginCheck;
    basePath: string;
    contentSecurityPolicy: string;
    maxProducers: number;
  }) {
    this.#assets = options.assets;
    this.#mayRead = options.mayRead;
    this.#hostError = options.hostError;
    this.#basePath = options.basePath;
    this.#contentSecurityPolicy = options.contentSecurityPolicy;
    this.#log = new HistoryLog(options.maxProducers);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Remembers this observer's events from now on. It leaves by itself when it closes; its last hour stays. */
  add(observer: MosSource): void {
    if (this.#closed) throw new InvalidStateError('the MosDashboard is closed');
    if (observer.closed) throw new InvalidStateError('the MosObserver is closed');
    if (this.#observers.has(observer)) return;
    const onStatus = (event: MosStatusEvent) => this.#log.add({ ...event, time: timeNow(event.time) });
    const onProducerClose = (...[{ producerId, time }]: MosObserverEvents['producerclose']) =>
      this.#log.close(producerId, timeNow(time));
    const onClose = () => this.remove(observer);
    observer.on('score', onStatus).on('noscore', onStatus).on('producerclose', onProducerClose);
    observer.observer.on('close', onClose);
    this.#observers.set(observer, () => {
      observer.off('score', onStatus).off('noscore', onStatus).off('producerclose', onProducerClose);
      observer.observer.off('close', onClose);
    });
    for (const event of observer.current) onStatus(event);
  }

  /** Remembers no more of this observer; what is known of its producers is kept, as of those that left. */
  remove(observer: MosSource): void {
    const stop = this.#observers.get(observer);
    if (stop === undefined) return;
    stop();
    this.#observers.delete(observer);
    for (const { producerId } of observer.current) this.#log.close(producerId, steadyNowMs());
  }

  /** Leaves the observers and answers no more: every request gets 503. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const observer of [...this.#observers.keys()]) this.remove(observer);
  }

  /**
   * Answers a request of the page, its files, its history or its list of routers. What is none of them goes to `next` where there is one
   * (Express and the like), and is answered with 404 otherwise.
   */
  readonly handle = (request: IncomingMessage, response: ServerResponse, next?: () => void): void => {
    const [whole = '/', query = ''] = splitAtFirst(request.url ?? '/', '?');
    const path = this.#pathBelow(whole);
    const asset = path === undefined ? undefined : this.#assets.get(path);
    const answer = path === '/history' ? this.#answerHistory : path === '/routers' ? this.#answerRouters : undefined;
    if (asset === undefined && answer === undefined) {
      if (next !== undefined) next();
      else plain(response, 404, 'not found');
    } else if (this.#closed) {
      plain(response, 503, 'closed');
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      plain(response, 405, 'only GET and HEAD');
    } else if (answer !== undefined) {
      answer.call(this, request, response, query).catch((error: Error) => {
        log('%s: %O', path, error);
        if (response.headersSent) response.destroy();
        else plain(response, 503, 'not decided, try again later');
      });
    } else if (asset === undefined) {
      plain(response, 404, 'not found');
    } else if (path === '/' && !visiblePath(request).endsWith('/')) {
      this.#addSlash(request, response);
    } else {
      this.#send(request, response, asset);
    }
  };

  /** From '/'; undefined when it is not ours. */
  #pathBelow(path: string): string | undefined {
    if (path === this.#basePath) return '/';
    return path.startsWith(`${this.#basePath}/`) ? path.slice(this.#basePath.length) : undefined;
  }

  /** The page names its files relative to itself, so it must be asked for as a folder. */
  #addSlash(request: IncomingMessage, response: ServerResponse): void {
    const lastName = visiblePath(request).split('/').at(-1);
    response.writeHead(308, { location: `./${lastName}/` }).end();
  }

  #send(request: IncomingMessage, response: ServerResponse, { body, contentType, etag }: Asset): void {
    const fresh = request.headers['if-none-match'] === etag;
    response.writeHead(fresh ? 304 : 200, {
      'content-type': contentType,
      'content-security-policy': this.#contentSecurityPolicy,
      'cache-control': 'no-cache',
      etag,
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      ...(fresh ? {} : { 'content-length': body.length }),
    });
    response.end(fresh || request.method === 'HEAD' ? undefined : body);
  }

  async #answerHistory(request: IncomingMessage, response: ServerResponse, query: string): Promise<void> {
    if (!this.#replies.take(request)) return this.#later(response, 429, 'too many requests');
    const hostError = this.#hostError(request.headers);
    if (hostError !== undefined) return plain(response, 403, hostError);
    const subscription = parseSubscription(Object.fromEntries(new URLSearchParams(query)));
    if (subscription === undefined) {
      return plain(response, 400, 'expected exactly one of routerId, producerId, participantId');
    }
    const client = subscriberOf(request);
    if (!(await this.#mayRead(client, subscription))) {
      return plain(response, client.handshake.auth.token === undefined ? 401 : 403, 'not allowed to subscribe to this');
    }
    if (this.#replies.isFull) return this.#later(response, 503, 'too many requests');
    response.writeHead(200, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    if (request.method === 'HEAD') response.end();
    else await this.#replies.send(response, request.socket, () => this.#historyChunks(subscription));
  }

  /** A `RoutersReply`: of the routers that are observed, those that the caller may subscribe to. */
  async #answerRouters(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.#replies.take(request)) return this.#later(response, 429, 'too many requests');
    const hostError = this.#hostError(request.headers);
    if (hostError !== undefined) return plain(response, 403, hostError);
    const client = subscriberOf(request);
    const observed = [...new Set([...this.#observers.keys()].map(({ routerId }) => routerId))];
    const routerIds: string[] = [];
    for (const routerId of observed) if (await this.#mayRead(client, { routerId })) routerIds.push(routerId);
    if (observed.length > 0 && routerIds.length === 0) {
      return plain(response, client.handshake.auth.token === undefined ? 401 : 403, 'not allowed');
    }
    response.writeHead(200, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    response.end(request.method === 'HEAD' ? undefined : JSON.stringify({ routerIds } satisfies RoutersReply));
  }

  #later(response: ServerResponse, status: number, text: string): void {
    response.setHeader('retry-after', '1');
    plain(response, status, text);
  }

  /** A `HistoryReply` as JSON, in the system's time of now. */
  *#historyChunks(subscription: MosSubscription): Iterable<string> {
    const [wallMs, ownMs] = [Date.now(), steadyNowMs()];
    const shiftMs = Math.round(wallMs - ownMs);
    let chunk = `{"nowMs":${wallMs},"producers":[`;
    let separator = '';
    for (const producer of this.#log.producers(subscription, ownMs)) {
      const { firstBucket, closedAtMs } = producer;
      const shifted = {
        ...producer,
        ...(closedAtMs === undefined ? {} : { closedAtMs: Math.round(closedAtMs + shiftMs) }),
        firstBucket: firstBucket + Math.round(shiftMs / historySpan.bucketMs),
      };
      chunk += separator + JSON.stringify(shifted);
      separator = ',';
      if (chunk.length < chunkLength) continue;
      yield chunk;
      chunk = '';
    }
    yield `${chunk}]}`;
  }
}

/** Of a reply, characters: of some ten producers. */
const chunkLength = 64 * 1024;

/** By the steady clock. */
const timeNow = (eventMs: number): number => placeTime(eventMs, Date.now(), steadyNowMs());

/** Who asks, in the form that the feed's hooks know. */
function subscriberOf({ headers, socket, url = '/' }: IncomingMessage): MosSubscriber {
  const [, token] = /^Bearer (.+)$/i.exec(headers.authorization ?? '') ?? [];
  const auth = token === undefined ? {} : { token };
  return { handshake: { auth, headers, address: socket.remoteAddress ?? '', url }, data: {} };
}

/** As the browser sees it: Express takes the mount's path from `url`. */
function visiblePath(request: IncomingMessage): string {
  const { originalUrl = request.url } = request as IncomingMessage & { originalUrl?: string };
  return splitAtFirst(originalUrl ?? '/', '?')[0] as string;
}

function splitAtFirst(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function plain(response: ServerResponse, status: number, text: string): void {
  if (status === 401) response.setHeader('www-authenticate', 'Bearer');
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' });
  response.end(`${text}\n`);
}
