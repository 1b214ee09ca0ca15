import type { types } from 'mediasoup';
import { logger } from '../../src/base/log.ts';
import { transportsOf } from './transports-of.ts';

const log = logger('producers');

/** Called for each audio or video producer, with whether it came over a PipeTransport. */
export type ProducerListener = (producer: types.Producer, piped: boolean) => void;

/**
 * The producers of a router.
 *
 * mediasoup lists neither a router's transports nor a transport's producers, it announces new ones. So
 * the directory listens from its creation on, and asks for what was there before where needed:
 * a producer by its id through an RtpObserver, which hands it out; earlier transports through
 * the getter that mediasoup keeps for its tests, the only one there is (3.19).
 */
export class ProducerDirectory {
  readonly #router: types.Router;
  readonly #onProducer: ProducerListener;
  readonly #producers = new Map<string, types.Producer>();
  /** Ends the listening to one transport. */
  readonly #transports = new Map<string, () => void>();
  readonly #onTransport = (transport: types.Transport) => this.#watch(transport);

  constructor(router: types.Router, onProducer: ProducerListener) {
    this.#router = router;
    this.#onProducer = onProducer;
    router.observer.on('newtransport', this.#onTransport);
  }

  /**
   * Announces what the router has already, and listens to its earlier transports.
   *
   * @throws Error when mediasoup no longer lists the earlier transports
   */
  async announceExisting(): Promise<void> {
    const transports = transportsOf(this.#router);
    if (transports === undefined) await this.#checkNothingEarlier();
    const earlier = (transports ?? []).filter(({ id }) => !this.#transports.has(id));
    for (const transport of earlier) this.#watch(transport);
    for (const transport of earlier) await this.#announceProducersOf(transport);
  }

  /**
   * The producer of this id.
   *
   * @throws TypeError for a video producer, Error when the router has no such producer
   */
  async find(producerId: string): Promise<types.Producer> {
    const known = this.#producers.get(producerId);
    if (known !== undefined) return known;
    const door = await this.#router.createAudioLevelObserver();
    try {
      let found: types.Producer | undefined;
      door.observer.once('addproducer', (producer) => {
        found = producer;
      });
      await door.addProducer({ producerId });
      if (found === undefined) throw new Error('not announced');
      return found;
    } catch (cause) {
      const message = `producer ${producerId} cannot be scored on router ${this.#router.id}: ${(cause as Error).message}`;
      throw cause instanceof TypeError ? new TypeError(message, { cause }) : new Error(message, { cause });
    } finally {
      door.close();
    }
  }

  close(): void {
    this.#router.observer.off('newtransport', this.#onTransport);
    for (const stop of this.#transports.values()) stop();
    this.#transports.clear();
    this.#producers.clear();
  }

  #watch(transport: types.Transport): void {
    const onProducer = (producer: types.Producer) => this.#enter(producer, transport);
    const stop = () => {
      transport.observer.off('newproducer', onProducer);
      transport.observer.off('close', onClose);
    };
    const onClose = () => {
      stop();
      this.#transports.delete(transport.id);
    };
    transport.observer.on('newproducer', onProducer);
    transport.observer.on('close', onClose);
    this.#transports.set(transport.id, stop);
  }

  #enter(producer: types.Producer, transport: types.Transport): void {
    if (producer.closed || this.#producers.has(producer.id)) return;
    this.#producers.set(producer.id, producer);
    producer.observer.once('close', () => this.#producers.delete(producer.id));
    this.#onProducer(producer, transport.type === 'pipe');
  }

  async #checkNothingEarlier(): Promise<void> {
    const { transportIds } = await this.#router.dump();
    const unknown = transportIds.filter((id) => !this.#transports.has(id));
    if (unknown.length === 0) return;
    throw new Error(
      `router ${this.#router.id} has ${unknown.length} transports from before, which this mediasoup does not list: ` +
        'create the observer with autoAdd before the first transport, or add producers by hand',
    );
  }

  async #announceProducersOf(transport: types.Transport): Promise<void> {
    for (const id of await producerIdsOf(transport)) {
      if (this.#producers.has(id)) continue;
      try {
        this.#enter(await this.find(id), transport);
      } catch (error) {
        if (error instanceof TypeError) continue; // video
        if ((await producerIdsOf(transport)).includes(id)) throw error;
        log('producer %s: closed meanwhile', id);
      }
    }
  }
}

async function producerIdsOf(transport: types.Transport): Promise<string[]> {
  try {
    return ((await transport.dump()) as { producerIds: string[] }).producerIds;
  } catch (error) {
    if (!transport.closed) throw error;
    return [];
  }
}
