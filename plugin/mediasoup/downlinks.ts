import type { types } from 'mediasoup';
import { logger } from '../../src/base/log.ts';
import { checkKeys, checkString, maxIdLength } from '../../src/base/options.ts';
import type { MosListeningEvent } from '../feeds/listening-event.ts';
import { Downlink, type ObservedContent } from './downlink.ts';
import type { ListeningBudget } from './listening-budget.ts';
import { transportsOf } from './transports-of.ts';

const log = logger('listening');

/** Names the participant that receives by a consumer, 1 to 256 characters; undefined = no name. */
export type IdentifyListener = (consumer: types.Consumer, transport: types.Transport) => string | undefined;

/** Asks for the way down to listeners: `listening` events. */
export interface ListeningOptions {
  /** Shared by the observers of one worker. */
  budget: ListeningBudget;
  /** Default: listeners have no name. One whose name cannot be had, since this throws, is left out. */
  identify?: IdentifyListener;
}

export interface DownlinksOptions extends ListeningOptions {
  readonly router: types.Router;
  /** Undefined while the producer is not observed. */
  readonly content: (producerId: string) => ObservedContent | undefined;
  readonly onEvent: (event: MosListeningEvent) => void;
}

/**
 * The consumers of a router that send audio to listeners: not to the scorer, nor over a PipeTransport. mediasoup does not list
 * consumers, so those from before are not known.
 */
export class Downlinks {
  readonly #options: DownlinksOptions;
  readonly #downlinks = new Map<types.Consumer, Downlink>();
  /** What ends listening to a transport or consumer. */
  readonly #stops = new Map<object, () => void>();

  constructor(options: DownlinksOptions) {
    this.#options = options;
    const { router } = options;
    router.observer.on('newtransport', this.#watch);
    for (const transport of transportsOf(router) ?? []) this.#watch(transport);
  }

  get newest(): MosListeningEvent[] {
    return [...this.#downlinks.values()].flatMap(({ newest }) => newest ?? []);
  }

  /** A producer is observed, or no longer. */
  setObserved(producerId: string, observed: boolean): void {
    const { budget } = this.#options;
    for (const [consumer, downlink] of this.#downlinks) {
      if (consumer.producerId !== producerId) continue;
      if (observed) budget.add(downlink);
      else budget.remove(downlink);
    }
  }

  close(): void {
    this.#options.router.observer.off('newtransport', this.#watch);
    for (const stop of this.#stops.values()) stop();
    this.#stops.clear();
    for (const downlink of this.#downlinks.values()) this.#options.budget.remove(downlink);
    this.#downlinks.clear();
  }

  readonly #watch = (transport: types.Transport) => {
    if (transport.type === 'pipe' || transport.type === 'direct' || this.#stops.has(transport)) return;
    const onConsumer = (consumer: types.Consumer) => this.#enter(consumer, transport);
    const onClose = () => this.#stop(transport);
    transport.observer.on('newconsumer', onConsumer);
    transport.observer.on('close', onClose);
    this.#stops.set(transport, () => {
      transport.observer.off('newconsumer', onConsumer);
      transport.observer.off('close', onClose);
    });
  };

  #enter(consumer: types.Consumer, transport: types.Transport): void {
    if (consumer.kind !== 'audio' || consumer.closed || consumer.appData.mediasoupMos === true) return;
    const { identify, content, onEvent, budget } = this.#options;
    let listenerId: string | undefined;
    try {
      listenerId = identify?.(consumer, transport);
      if (listenerId !== undefined) checkString('the name of listening.identify()', listenerId, maxIdLength);
    } catch (error) {
      log.warn({ consumerId: consumer.id }, 'consumer %s: its listener has no name: %s', consumer.id, messageOf(error));
      return;
    }
    const downlink = new Downlink({ consumer, listenerId, content: () => content(consumer.producerId), onEvent });
    const onScore = () => budget.hint(downlink);
    const onClose = () => {
      this.#stop(consumer);
      this.#downlinks.delete(consumer);
      budget.remove(downlink);
    };
    consumer.observer.on('score', onScore);
    consumer.observer.on('close', onClose);
    this.#stops.set(consumer, () => {
      consumer.observer.off('score', onScore);
      consumer.observer.off('close', onClose);
    });
    this.#downlinks.set(consumer, downlink);
    if (content(consumer.producerId) !== undefined) budget.add(downlink);
  }

  #stop(watched: object): void {
    this.#stops.get(watched)?.();
    this.#stops.delete(watched);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** @throws TypeError naming the option */
export function checkListening(listening: ListeningOptions): void {
  checkKeys('listening', listening, ['budget', 'identify']);
  const { budget, identify } = listening;
  // No instanceof: an ESM and a CommonJS copy of this package may meet in one application.
  if (typeof budget?.hint !== 'function') throw new TypeError('listening.budget must be a ListeningBudget');
  if (identify !== undefined && typeof identify !== 'function') {
    throw new TypeError(`listening.identify must be a function, got ${typeof identify}`);
  }
}
