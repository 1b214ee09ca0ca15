import type { MosStatusEvent, ProducerOrigin } from '../feeds/events.ts';
import { isSubscribed, type MosSubscription } from '../feeds/feed-contract.ts';
import { History } from './history.ts';
import { type HistoryReply, historySpan, type ProducerHistory } from './history-reply.ts';

interface Entry {
  origin: ProducerOrigin;
  readonly history: History;
  /** Unix ms; undefined while it is there. */
  closedAtMs: number | undefined;
}

/**
 * The last hour of many producers, 3.6 kB each. Those that were closed are kept until they are an hour old or room is
 * needed; then the one recorded first makes way.
 */
export class HistoryLog {
  readonly #maxProducers: number;
  readonly #entries = new Map<string, Entry>();

  constructor(maxProducers: number) {
    this.#maxProducers = maxProducers;
  }

  get size(): number {
    return this.#entries.size;
  }

  add(event: MosStatusEvent): void {
    const { producerId, routerId, participantId, time } = event;
    const entry = this.#entries.get(producerId) ?? this.#open(event);
    entry.origin = { producerId, routerId, ...(participantId === undefined ? {} : { participantId }) };
    entry.closedAtMs = undefined;
    if (event.type === 'noscore') {
      entry.history.addNoScore(time, event.reason);
      return;
    }
    const { mosLqo, interval, network } = event;
    const { lower, upper } = interval;
    entry.history.addScore({ atMs: time, mosLqo, lower, upper, mosCqe: network.mosCqe });
  }

  /** `atMs`: Unix ms. */
  close(producerId: string, atMs: number): void {
    const entry = this.#entries.get(producerId);
    if (entry !== undefined) entry.closedAtMs ??= atMs;
  }

  /** Everything that belongs to a subscription, ready for JSON. */
  read(subscription: MosSubscription, nowMs: number): HistoryReply {
    return { nowMs, producers: [...this.producers(subscription, nowMs)] };
  }

  /** The same one by one: each is packed when it is asked for. */
  *producers(subscription: MosSubscription, nowMs: number): Iterable<ProducerHistory> {
    this.#forgetOld(nowMs);
    const found = [...this.#entries.values()].filter(({ origin }) => isSubscribed(subscription, origin));
    for (const { origin, history, closedAtMs } of found) {
      const { firstBucket, bytes } = history.pack(closedAtMs ?? nowMs);
      const points = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
      yield { ...origin, ...(closedAtMs === undefined ? {} : { closedAtMs }), firstBucket, points };
    }
  }

  #open(event: MosStatusEvent): Entry {
    this.#forgetOld(event.time);
    if (this.#entries.size >= this.#maxProducers) {
      const entries = [...this.#entries];
      const [leaving] = entries.find(([, { closedAtMs }]) => closedAtMs !== undefined) ?? entries[0] ?? [];
      if (leaving !== undefined) this.#entries.delete(leaving);
    }
    const entry: Entry = { origin: event, history: new History(historySpan), closedAtMs: undefined };
    this.#entries.set(event.producerId, entry);
    return entry;
  }

  #forgetOld(nowMs: number): void {
    for (const [producerId, { closedAtMs }] of this.#entries) {
      if (closedAtMs !== undefined && closedAtMs < nowMs - historySpan.spanMs) this.#entries.delete(producerId);
    }
  }
}
