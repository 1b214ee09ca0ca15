import type { types } from 'mediasoup';
import { InvalidStateError } from '../src/base/errors.ts';
import { checkBoolean } from '../src/base/options.ts';
import { Scorer, type ScorerOptions, type ThresholdOptions } from '../src/index.ts';
import { resolveThresholds } from '../src/quality/thresholds.ts';
import { checkListening, type ListeningOptions } from './mediasoup/downlinks.ts';
import { type Identify, MosObserver } from './mediasoup/observer.ts';

export {
  defaultThresholds,
  InvalidStateError,
  type Logger,
  ModelLoadError,
  Scorer,
  type ScorerOptions,
  ScorerStartError,
  setLogger,
  type ThresholdOptions,
  type Thresholds,
  type WarningLimits,
} from '../src/index.ts';
export type { Authenticate, Authorize, FeedAccessOptions, MosSubscriber } from './feeds/access.ts';
export { allowAll } from './feeds/access.ts';
export * from './feeds/contract.ts';
export { type MosListeningEvent, mosListeningEvent, noListeningReasons } from './feeds/listening-event.ts';
export type { MosSource } from './feeds/mos-source.ts';
export type { MosObserverEvents, MosObserverObserverEvents } from './feeds/observer-events.ts';
export type { MosNamespace, MosNamespaceOptions } from './feeds/socketio/namespace.ts';
export { attachMosNamespace } from './feeds/socketio/namespace.ts';
export { type SurviveOutagesOptions, surviveOutages } from './feeds/socketio/redis-outages.ts';
export type { MosSocket } from './feeds/socketio/sockets.ts';
export type { MosWebSocketFeed, MosWebSocketOptions } from './feeds/websocket/attach.ts';
export { attachMosWebSocket } from './feeds/websocket/attach.ts';
export { clientMessageSchemas, serverMessageSchemas } from './feeds/websocket/contract.ts';
export type { IdentifyListener, ListeningOptions } from './mediasoup/downlinks.ts';
export { ListeningBudget, type ListeningBudgetOptions } from './mediasoup/listening-budget.ts';
export type { Identify, MosObserver } from './mediasoup/observer.ts';
export { type HealthReport, type HealthStatus, MosHealth } from './monitoring/health.ts';

/** The options of a `Scorer` are taken too, for the observer's own scorer; not together with `scorer`. */
export interface MosObserverOptions extends ScorerOptions {
  router: types.Router;
  /** Shared with other observers, and closed by its owner. Default: the observer's own, closed with it. */
  scorer?: Scorer;
  /**
   * Add every audio producer that the router has or gets, except those that come over a
   * PipeTransport: they are observed on their home router. Default false.
   */
  autoAdd?: boolean;
  /** Names the participant behind a producer. Default: participants have no name. */
  identify?: Identify;
  /** When states change and warnings are raised. Default: see `Thresholds`. */
  thresholds?: ThresholdOptions;
  /** Asks mediasoup for the way down to each listener: `listening` events. Default: not asked. */
  listening?: ListeningOptions;
  /** Custom application data. Default {}. */
  appData?: types.AppData;
}

/**
 * Creates an observer that scores the audio producers of a router.
 *
 * @throws TypeError | RangeError naming the option; InvalidStateError when the router or the scorer is closed;
 *   what `Scorer.create` throws
 * @example
 * ```ts
 * const observer = await createMosObserver({ router, autoAdd: true });
 * observer.on('score', ({ producerId, mosLqo }) => console.log(producerId, mosLqo));
 * observer.on('noscore', ({ producerId, reason }) => console.log(producerId, reason));
 * ```
 */
export async function createMosObserver({
  router,
  scorer,
  autoAdd = false,
  identify,
  thresholds,
  listening,
  appData = {},
  ...scorerOptions
}: MosObserverOptions): Promise<MosObserver> {
  if (typeof router?.createPlainTransport !== 'function') throw new TypeError('router must be a mediasoup Router');
  // No instanceof: an ESM and a CommonJS copy of this package may meet in one application.
  if (scorer !== undefined && typeof scorer?.reserveEndpoint !== 'function') {
    throw new TypeError('scorer must be a Scorer');
  }
  checkBoolean('autoAdd', autoAdd);
  if (identify !== undefined && typeof identify !== 'function') {
    throw new TypeError(`identify must be a function, not ${typeof identify}`);
  }
  const resolvedThresholds = resolveThresholds(thresholds);
  if (listening !== undefined) checkListening(listening);
  if (typeof appData !== 'object' || appData === null) throw new TypeError('appData must be an object');
  const [extra] = Object.keys(scorerOptions);
  if (scorer !== undefined && extra !== undefined) {
    throw new TypeError(`${extra}: an option of the scorer, which is given by the option scorer`);
  }
  const used = scorer ?? (await Scorer.create(scorerOptions));
  const ownsScorer = scorer === undefined;
  try {
    if (router.closed) throw new InvalidStateError(`router ${router.id} is closed`);
    if (used.closed) throw new InvalidStateError('the scorer is closed');
  } catch (error) {
    if (ownsScorer) await used.close();
    throw error;
  }
  const observer = new MosObserver({
    router,
    scorer: used,
    ownsScorer,
    autoAdd,
    identify,
    thresholds: resolvedThresholds,
    listening,
    appData,
  });
  try {
    await observer.start();
  } catch (error) {
    observer.close();
    if (ownsScorer) await used.close();
    throw error;
  }
  return observer;
}
