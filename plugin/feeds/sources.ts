import { InvalidStateError } from '../../src/base/errors.ts';
import { type MosEventType, mosEventTypes } from './event-types.ts';
import type { MosEvent, MosScoreEvent, MosSnapshotEvent, ProducerSnapshot } from './events.ts';
import { roomsOf } from './feed-contract.ts';
import type { MosSource } from './mos-source.ts';
import type { MosObserverEvents } from './observer-events.ts';

/** An event that no subscriber may miss. */
export type ReliableEvent = Exclude<MosEvent, MosScoreEvent>;

/** Where the events of a feed go. */
export interface FeedSink {
  /** May be left out for who is slow. */
  score(event: MosScoreEvent): void;
  reliable(event: ReliableEvent): void;
  /** What holds for a producer, to its subscribers. */
  snapshot(producer: ProducerSnapshot): void;
}

const isReliable = (type: MosEventType): type is ReliableEvent['type'] => type !== 'score';
const reliableEvents = mosEventTypes.filter(isReliable);

export const snapshotOf = (producers: ProducerSnapshot[]): MosSnapshotEvent => ({
  type: 'snapshot',
  time: Date.now(),
  producers,
});

/** The observers whose events a feed sends. */
export class FeedSources {
  readonly #sink: FeedSink;
  /** Each observer, and what ends listening to it. */
  readonly #observers = new Map<MosSource, () => void>();
  #closed = false;

  constructor(sink: FeedSink) {
    this.#sink = sink;
  }

  /** Sends this observer's events from now on, after what it knows now. It leaves by itself when it closes. */
  add(observer: MosSource): void {
    if (this.#closed) throw new InvalidStateError('the feed is closed');
    if (observer.closed) throw new InvalidStateError('the MosObserver is closed');
    if (this.#observers.has(observer)) return;
    const onScore = (...[event]: MosObserverEvents['score']) => this.#sink.score(event);
    const onReliable = (event: ReliableEvent) => this.#sink.reliable(event);
    const onClose = () => this.remove(observer);
    observer.on('score', onScore);
    for (const name of reliableEvents) observer.on(name, onReliable);
    observer.observer.on('close', onClose);
    this.#observers.set(observer, () => {
      observer.off('score', onScore);
      for (const name of reliableEvents) observer.off(name, onReliable);
      observer.observer.off('close', onClose);
    });
    for (const producer of observer.snapshot) this.#sink.snapshot(producer);
  }

  /** Sends no more of this observer; subscribers get `producerclose` of its producers. */
  remove(observer: MosSource): void {
    const stop = this.#observers.get(observer);
    if (stop === undefined) return;
    stop();
    this.#observers.delete(observer);
    for (const { routerId, producerId, participantId, nextSequence: sequence } of observer.snapshot) {
      const origin = { producerId, routerId, ...(participantId === undefined ? {} : { participantId }) };
      this.#sink.reliable({ type: 'producerclose', ...origin, sequence, time: Date.now() });
    }
  }

  /** Leaves the observers without a word. */
  close(): void {
    this.#closed = true;
    for (const stop of this.#observers.values()) stop();
    this.#observers.clear();
  }

  get producers(): ProducerSnapshot[] {
    return [...this.#observers.keys()].flatMap(({ snapshot }) => snapshot);
  }

  producersIn(room: string): ProducerSnapshot[] {
    return this.producers.filter((producer) => roomsOf(producer).includes(room));
  }
}
