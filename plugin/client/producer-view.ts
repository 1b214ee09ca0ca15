import type { MosCloseEvent, MosEvent, MosSnapshotEvent, ProducerOrigin, ProducerSnapshot } from '../feeds/events.ts';

/** How much of a producer's events was taken. */
interface Progress {
  nextSequence: number;
  /** Of the newest event or snapshot, Unix ms of the server. */
  time: number;
}

/** Closed producers that are remembered, so that late events do not bring them back. */
const maxRemembered = 1000;

/**
 * What a subscriber knows of producers: snapshots with the events after them. Events may come twice (after a connection
 * was recovered, or a link between servers) or be older than a snapshot: those are recognised and left out.
 */
export class ProducerView {
  readonly producers = new Map<string, ProducerSnapshot>();
  readonly #progress = new Map<string, Progress>();

  /** @returns the producers of the snapshot that were taken over: those of which nothing newer is known */
  takeSnapshot({ producers, time }: MosSnapshotEvent): ProducerSnapshot[] {
    return producers.filter((producer) => {
      const { producerId, nextSequence } = producer;
      const known = this.#progress.get(producerId);
      const isOlder = known && (time < known.time || (time === known.time && nextSequence < known.nextSequence));
      if (isOlder) return false;
      this.#progress.set(producerId, { nextSequence, time });
      this.producers.set(producerId, producer);
      return true;
    });
  }

  /**
   * A lower sequence at a later time is news: the producer was removed from its observer and added again, and is counted
   * anew.
   *
   * @returns whether the event is news
   */
  take(event: MosEvent): boolean {
    const { producerId, sequence, time } = event;
    const known = this.#progress.get(producerId);
    if (known && sequence < known.nextSequence && time <= known.time) return false;
    this.#progress.set(producerId, { nextSequence: sequence + 1, time });
    if (event.type === 'producerclose') this.#close(producerId);
    else this.producers.set(producerId, after(this.producers.get(producerId), event));
    return true;
  }

  /** Forgets a producer altogether: there is no subscription to it any more. */
  forget(producerId: string): void {
    this.producers.delete(producerId);
    this.#progress.delete(producerId);
  }

  /** The `producerclose` of a producer whose end was missed; take it as any event. */
  closeOf({ producerId, routerId, participantId, nextSequence: sequence }: ProducerSnapshot): MosCloseEvent {
    const time = this.#progress.get(producerId)?.time ?? 0;
    return {
      type: 'producerclose',
      producerId,
      routerId,
      ...(participantId === undefined ? {} : { participantId }),
      sequence,
      time,
    };
  }

  #close(producerId: string): void {
    this.producers.delete(producerId);
    const closed = [...this.#progress.keys()].filter((id) => !this.producers.has(id));
    for (const id of closed.slice(0, Math.max(0, closed.length - maxRemembered))) this.#progress.delete(id);
  }
}

/** What holds after an event. */
function after(known: ProducerSnapshot | undefined, event: Exclude<MosEvent, MosCloseEvent>): ProducerSnapshot {
  const before = known ?? { ...originOf(event), nextSequence: 0, state: 'unknown', warnings: [] };
  const next = { ...before, ...originOf(event), nextSequence: event.sequence + 1 };
  switch (event.type) {
    case 'score':
    case 'noscore':
      return { ...next, status: event };
    case 'state':
      return { ...next, state: event.state };
    case 'warning':
      return { ...next, warnings: [...before.warnings.filter(({ name }) => name !== event.name), event] };
    case 'warningcleared':
      return { ...next, warnings: before.warnings.filter(({ name }) => name !== event.name) };
    case 'report':
      return next;
  }
}

const originOf = ({ producerId, routerId, participantId }: ProducerOrigin): ProducerOrigin => ({
  producerId,
  routerId,
  ...(participantId === undefined ? {} : { participantId }),
});
