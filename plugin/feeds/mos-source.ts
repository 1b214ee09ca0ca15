import type { SafeEmitter } from '../../src/base/emitter.ts';
import type { MosStatusEvent, ProducerSnapshot } from './events.ts';
import type { MosObserverEvents, MosObserverObserverEvents } from './observer-events.ts';

/** Source of events, as far as feeds, metrics and the page need it: a `MosObserver`, or what is shaped like one. */
export interface MosSource extends SafeEmitter<MosObserverEvents> {
  readonly closed: boolean;
  /** Of its producers. */
  readonly routerId: string;
  /** All that holds for each producer that had any event. */
  readonly snapshot: ProducerSnapshot[];
  /** The newest score or reason of every producer. */
  readonly current: MosStatusEvent[];
  readonly observer: SafeEmitter<MosObserverObserverEvents>;
}
