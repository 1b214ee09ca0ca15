import { randomUUID } from 'node:crypto';
import type { types } from 'mediasoup';
import { SafeEmitter } from '../../src/base/emitter.ts';
import { InvalidStateError } from '../../src/base/errors.ts';
import { logger } from '../../src/base/log.ts';
import { checkString, maxIdLength } from '../../src/base/options.ts';
import type { ModelName, Scorer, ScorerEndpoint, ScorerEvents } from '../../src/index.ts';
import { type ParticipantSummary, participantSummary } from '../../src/quality/blame.ts';
import type { Thresholds } from '../../src/quality/thresholds.ts';
import type { MosEvent, MosReportEvent, MosStatusEvent, ProducerOrigin, ProducerSnapshot } from '../feeds/events.ts';
import type { MosListeningEvent } from '../feeds/listening-event.ts';
import type { MosObserverEvents, MosObserverObserverEvents } from '../feeds/observer-events.ts';
import { Downlinks, type ListeningOptions } from './downlinks.ts';
import { ProducerDirectory } from './producer-directory.ts';
import { Tap, TapInterruptedError } from './tap.ts';
import { TapLinks } from './tap-links.ts';

const log = logger('observer');

/** How often is looked whether a producer has had no score for too long, ms. */
const tickMs = 1000;

/**
 * Names the participant behind a producer, 1 to 256 characters; undefined = no name. The name goes into events, never into a
 * log. A producer whose name cannot be had, since this throws or rejects, is not scored: `producererror`.
 */
export type Identify = (producer: types.Producer) => string | undefined | Promise<string | undefined>;

export interface MosObserverConstructorOptions {
  readonly router: types.Router;
  readonly scorer: Scorer;
  /** Closes the scorer with the observer. */
  readonly ownsScorer: boolean;
  readonly autoAdd: boolean;
  readonly identify: Identify | undefined;
  readonly thresholds: Thresholds;
  readonly listening: ListeningOptions | undefined;
  readonly appData: types.AppData;
}

/**
 * Scores the audio producers of one router. In the shape of mediasoup's
 * RtpObservers; made by `createMosObserver`.
 */
export class MosObserver extends SafeEmitter<MosObserverEvents> {
  readonly id = randomUUID();
  readonly type = 'mos';
  readonly observer = new SafeEmitter<MosObserverObserverEvents>();
  appData: types.AppData;
  readonly #router: types.Router;
  readonly #scorer: Scorer;
  readonly #ownsScorer: boolean;
  readonly #autoAdd: boolean;
  readonly #identify: Identify | undefined;
  readonly #thresholds: Thresholds;
  readonly #ticking: NodeJS.Timeout;
  readonly #links: TapLinks;
  readonly #directory: ProducerDirectory;
  /** Undefined where listening is not asked for. */
  readonly #downlinks: Downlinks | undefined;
  readonly #taps = new Map<string, Tap>();
  /** Producers that are being looked up to be added. */
  readonly #finding = new Map<string, Promise<types.Producer>>();
  /** Found before `start` was through. */
  #early: types.Producer[] | undefined;
  #paused = false;
  #closed = false;

  constructor({
    router,
    scorer,
    ownsScorer,
    autoAdd,
    identify,
    thresholds,
    listening,
    appData,
  }: MosObserverConstructorOptions) {
    super();
    this.appData = appData;
    this.#router = router;
    this.#scorer = scorer;
    this.#ownsScorer = ownsScorer;
    this.#autoAdd = autoAdd;
    this.#identify = identify;
    this.#thresholds = thresholds;
    this.#ticking = setInterval(this.#tick, tickMs).unref();
    this.#links = new TapLinks(router, scorer);
    this.#directory = new ProducerDirectory(router, this.#onProducer);
    if (listening !== undefined) {
      this.#downlinks = new Downlinks({
        ...listening,
        router,
        content: (producerId) => {
          const tap = this.#taps.get(producerId);
          return tap && { origin: tap.origin, status: tap.voice.status };
        },
        onEvent: (event) => this.safeEmit('listening', event),
      });
    }
    router.observer.once('close', this.#onRouterClose);
    scorer.on('processdied', this.#checkReceivers);
    scorer.on('processrestarted', this.#onScorerRestart);
    scorer.on('endpointschange', this.#onEndpointsChange);
    scorer.on('close', this.#onScorerClose);
  }

  get closed(): boolean {
    return this.#closed;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get routerId(): string {
    return this.#router.id;
  }

  /** The scorer in use, given or own. `await observer.scorer.close()` waits for the end of an own one's processes. */
  get scorer(): Scorer {
    return this.#scorer;
  }

  /**
   * Another model scores from now on, without a restart (`Scorer.setModel`). A scorer that several observers share changes
   * it for all of them.
   *
   * @throws TypeError, ModelLoadError or RangeError when it cannot be used: the one before goes on; InvalidStateError after
   *   close, or while a scorer process is being restarted
   */
  async setModel(model: ModelName): Promise<void> {
    this.#checkOpen();
    await this.#scorer.setModel(model);
  }

  /** The newest score or reason of every producer, in the order in which they were added. None while paused. */
  get current(): MosStatusEvent[] {
    return [...this.#taps.values()].flatMap(({ voice }) => voice.status ?? []);
  }

  /** All that holds for each producer that had any event, in the order in which they were added. */
  get snapshot(): ProducerSnapshot[] {
    return [...this.#taps.values()].flatMap(({ voice }) => (voice.hasSpoken ? voice.snapshot : []));
  }

  /** The newest `listening` event of every consumer of observed producers; none without the option `listening`. */
  get listening(): MosListeningEvent[] {
    return this.#downlinks?.newest.filter(({ producerId }) => this.#taps.has(producerId)) ?? [];
  }

  /** How each named participant is received at the server and receives from it, and which way is to blame. */
  get participants(): (ParticipantSummary & { readonly participantId: string })[] {
    const { current, listening } = this;
    const names = new Set([
      ...[...this.#taps.values()].map(({ participantId }) => participantId),
      ...listening.map(({ listenerId }) => listenerId),
    ]);
    names.delete(undefined);
    return [...(names as Set<string>)].map((participantId) => {
      const sent = current.flatMap((event) =>
        event.type === 'score' && event.participantId === participantId ? event.mosLqo : [],
      );
      const received = listening.flatMap(({ listenerId, mosLqo, mosListening }) =>
        listenerId === participantId && mosLqo !== undefined && mosListening !== undefined
          ? { mosLqo, mosListening }
          : [],
      );
      const sentMos = sent.length === 0 ? undefined : Math.min(...sent);
      return { participantId, ...participantSummary({ sentMos, received }) };
    });
  }

  /**
   * Finds what `autoAdd` has to add from before the observer. Nothing is emitted before it is through,
   * since nobody can listen yet.
   *
   * @internal
   */
  async start(): Promise<void> {
    if (!this.#autoAdd) return;
    const early: types.Producer[] = [];
    this.#early = early;
    await this.#directory.announceExisting();
    this.#early = undefined;
    for (const producer of early) this.#addFound(producer);
  }

  /**
   * Scores this audio producer; `participantId` is what `identify` returns by default. Adding a producer again only changes its
   * `participantId`, when one is given.
   *
   * @throws TypeError for a video producer; Error when the router has no such producer; InvalidStateError after close
   */
  async addProducer({ producerId, participantId }: { producerId: string; participantId?: string }): Promise<void> {
    this.#checkOpen();
    checkString('producerId', producerId);
    if (participantId !== undefined) checkString('participantId', participantId, maxIdLength);
    const tap = this.#taps.get(producerId) ?? (await this.#findTap(producerId, participantId));
    if (participantId !== undefined) tap.participantId = participantId;
    await tap.open();
  }

  /** @throws Error when the observer does not have the producer (any more) */
  async removeProducer({ producerId }: { producerId: string }): Promise<void> {
    this.#checkOpen();
    checkString('producerId', producerId);
    await this.#finding.get(producerId)?.catch(() => {}); // being added: its caller gets the error
    const tap = this.#tapOf(producerId);
    tap.close();
    this.observer.safeEmit('removeproducer', tap.producer);
  }

  /**
   * The producer's call so far, as the `report` at its end will sum it up.
   *
   * @throws Error when the observer does not have the producer (any more); InvalidStateError after close
   */
  report(producerId: string): MosReportEvent {
    this.#checkOpen();
    return this.#tapOf(producerId).voice.report(Date.now());
  }

  /** Stops scoring every producer: their states are `unknown` then, and they have no events until `resume`. */
  async pause(): Promise<void> {
    this.#checkOpen();
    if (this.#paused) return;
    this.#paused = true;
    await this.#setTapsPaused(true);
    this.observer.safeEmit('pause');
  }

  async resume(): Promise<void> {
    this.#checkOpen();
    if (!this.#paused) return;
    this.#paused = false;
    await this.#setTapsPaused(false);
    this.observer.safeEmit('resume');
  }

  close(): void {
    if (this.#closed) return;
    this.#end();
    this.observer.safeEmit('close');
  }

  readonly #tick = () => {
    for (const { voice } of this.#taps.values()) voice.advance(Date.now());
  };

  readonly #onRouterClose = () => this.#endWith('routerclose');
  readonly #onScorerClose = () => this.#endWith('scorerclose');
  readonly #onScorerRestart = (...restart: ScorerEvents['processrestarted']) => {
    this.#checkReceivers();
    this.safeEmit('scorerrestart', ...restart);
  };

  readonly #checkReceivers = () => {
    for (const tap of this.#taps.values()) tap.checkReceiver().catch((error: Error) => this.#fail(tap, error));
  };

  readonly #onEndpointsChange = async (changes: { from: ScorerEndpoint; to: ScorerEndpoint }[]) => {
    await Promise.all(changes.map(({ from, to }) => this.#links.retire(from, to)));
    for (const tap of this.#taps.values()) tap.follow().catch((error: Error) => this.#fail(tap, error));
  };

  readonly #onProducer = (producer: types.Producer, piped: boolean) => {
    if (!this.#autoAdd || piped || producer.kind !== 'audio') return;
    if (this.#early !== undefined) this.#early.push(producer);
    else this.#addFound(producer);
  };

  #addFound(producer: types.Producer): void {
    if (this.#closed || producer.closed) return;
    const onError = (error: Error) => {
      const origin = { producerId: producer.id, routerId: this.#router.id };
      setImmediate(() => this.#reportError(origin, error, 'identify failed for it'));
    };
    const open = (participantId: string | undefined) => {
      if (this.#closed || producer.closed) return;
      const tap = this.#tap(producer, participantId);
      tap.open().catch((error: Error) => this.#fail(tap, error));
    };
    try {
      const named = this.#nameOf(producer);
      if (isPromise(named)) named.then(open).catch(onError);
      else open(named);
    } catch (error) {
      onError(error as Error);
    }
  }

  /** Logged, and a warning of the process where there is no listener. */
  #reportError(origin: ProducerOrigin, error: Error, what = 'failed'): void {
    const { producerId } = origin;
    const reason = error instanceof Error ? error.message : String(error);
    log.warn({ producerId }, 'producer %s is not scored: %s: %s', producerId, what, reason);
    if (this.#closed) return;
    if (this.listenerCount('producererror') > 0) this.safeEmit('producererror', { origin, error });
    else process.emitWarning(`producer ${producerId} is not scored: ${what}: ${reason}`);
  }

  #tapOf(producerId: string): Tap {
    checkString('producerId', producerId);
    const tap = this.#taps.get(producerId);
    if (tap === undefined) throw new Error(`producer ${producerId} is not in this observer`);
    return tap;
  }

  async #findTap(producerId: string, givenId: string | undefined): Promise<Tap> {
    const producer = await this.#find(producerId);
    const existing = this.#taps.get(producerId);
    if (existing !== undefined) return existing;
    return this.#tap(producer, givenId ?? (await this.#nameOf(producer)));
  }

  /** Throws or rejects with what `identify` does, or a TypeError when it gave no name. */
  #nameOf(producer: types.Producer): string | undefined | Promise<string | undefined> {
    const named = this.#identify?.(producer);
    return isPromise(named) ? Promise.resolve(named).then(checkName) : checkName(named);
  }

  #find(producerId: string): Promise<types.Producer> {
    const finding = this.#finding.get(producerId) ?? this.#directory.find(producerId);
    this.#finding.set(producerId, finding);
    const found = () => this.#finding.delete(producerId);
    finding.then(found, found);
    return finding;
  }

  /** A tap for this producer: the one there is, or a new one. */
  #tap(producer: types.Producer, participantId: string | undefined): Tap {
    this.#checkOpen();
    const existing = this.#taps.get(producer.id);
    if (existing !== undefined) return existing;
    if (producer.kind !== 'audio') {
      throw new TypeError(`producer ${producer.id}: kind is ${producer.kind}, only audio can be scored`);
    }
    checkString('the id of the producer', producer.id, maxIdLength);
    const tap = new Tap({
      producer,
      router: this.#router,
      scorer: this.#scorer,
      links: this.#links,
      participantId,
      paused: this.#paused,
      onOpen: () => this.observer.safeEmit('addproducer', producer),
      onError: (error) => this.#fail(tap, error),
      thresholds: this.#thresholds,
      onEvent: (event) => this.#tell(event),
      onClose: () => {
        this.#taps.delete(producer.id);
        this.#downlinks?.setObserved(producer.id, false);
      },
    });
    this.#taps.set(producer.id, tap);
    this.#downlinks?.setObserved(producer.id, true);
    return tap;
  }

  #tell(event: MosEvent): void {
    // Name and argument belong together, which the compiler cannot see of a union.
    const emit = this.safeEmit.bind(this) as unknown as (name: string, event: MosEvent) => void;
    emit(event.type, event);
  }

  async #setTapsPaused(paused: boolean): Promise<void> {
    await Promise.all(
      [...this.#taps.values()].map((tap) => tap.setPaused(paused).catch((error: Error) => this.#fail(tap, error))),
    );
  }

  /** Gives up a tap; reports it unless it merely was closed. */
  #fail(tap: Tap, error: Error): void {
    if (error instanceof TapInterruptedError) return;
    log('producer %s: %O', tap.producer.id, error);
    const { origin } = tap;
    tap.close();
    this.#reportError(origin, error);
  }

  #endWith(event: 'routerclose' | 'scorerclose'): void {
    if (this.#closed) return;
    this.#end();
    this.safeEmit(event);
    this.observer.safeEmit('close');
  }

  #end(): void {
    this.#closed = true;
    clearInterval(this.#ticking);
    this.#router.observer.off('close', this.#onRouterClose);
    this.#scorer.off('processdied', this.#checkReceivers);
    this.#scorer.off('processrestarted', this.#onScorerRestart);
    this.#scorer.off('endpointschange', this.#onEndpointsChange);
    this.#scorer.off('close', this.#onScorerClose);
    this.#directory.close();
    this.#downlinks?.close();
    for (const tap of this.#taps.values()) tap.close();
    this.#links.close();
    if (this.#ownsScorer) this.#scorer.close().catch((error: Error) => log('closing the scorer: %O', error));
  }

  #checkOpen(): void {
    if (this.#closed) throw new InvalidStateError('the MosObserver is closed');
  }
}

const isPromise = (value: unknown): value is Promise<string | undefined> =>
  typeof (value as { then?: unknown } | undefined)?.then === 'function';

/** Its value is not in the message: names are not logged. */
function checkName(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  if (typeof name !== 'string' || name === '') {
    throw new TypeError(
      `identify() must return a non-empty string or undefined, got ${name === '' ? "''" : typeof name}`,
    );
  }
  checkString('the participantId of identify()', name, maxIdLength);
  return name;
}
