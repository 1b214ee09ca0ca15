import { logger } from '../../src/base/log.ts';
import { maxIdLength } from '../../src/base/options.ts';
import type { Authorize, MosSubscriber } from './access.ts';
import {
  type MosSubscription,
  parseSubscription,
  roomOf,
  type SubscribeErrorCode,
  type SubscribeReply,
} from './feed-contract.ts';

const log = logger('feed');

export interface SubscriptionsOptions<Client extends MosSubscriber> {
  readonly client: Client;
  readonly authorize: Authorize<Client>;
  readonly maxSubscriptions: number;
  /** The rooms that the client is in. */
  readonly rooms: () => Iterable<string>;
  /** Sends the client the snapshot of the room and puts it in, unless it is gone meanwhile. */
  readonly enter: (room: string) => void;
  readonly leave: (room: string) => void;
}

/** What one client subscribed to, whatever it is connected by. Takes anything that a client may send. */
export class Subscriptions<Client extends MosSubscriber> {
  readonly #options: SubscriptionsOptions<Client>;
  /** Rooms that are asked for and not entered yet, and what will be answered. */
  readonly #pending = new Map<string, Promise<SubscribeReply>>();

  constructor(options: SubscriptionsOptions<Client>) {
    this.#options = options;
  }

  /** Never rejects. */
  async subscribe(payload: unknown): Promise<SubscribeReply> {
    const subscription = parseSubscription(payload);
    if (subscription === undefined) return refusal('bad-request', notASubscription);
    const room = roomOf(subscription);
    if (this.#isFull(room)) {
      return refusal('too-many-subscriptions', `at most ${this.#options.maxSubscriptions} at a time`);
    }
    const asked = this.#pending.get(room);
    if (asked !== undefined) return asked;
    const reply = this.#ask(subscription, room, () => this.#pending.get(room) === reply);
    this.#pending.set(room, reply);
    try {
      return await reply;
    } finally {
      if (this.#pending.get(room) === reply) this.#pending.delete(room);
    }
  }

  unsubscribe(payload: unknown): SubscribeReply {
    const subscription = parseSubscription(payload);
    if (subscription === undefined) return refusal('bad-request', notASubscription);
    const room = roomOf(subscription);
    this.#pending.delete(room);
    this.#options.leave(room);
    return { ok: true };
  }

  async #ask(subscription: MosSubscription, room: string, isWanted: () => boolean): Promise<SubscribeReply> {
    const { authorize, client, enter } = this.#options;
    try {
      const allowed = await authorize(client, subscription);
      if (allowed !== true) return refusal('forbidden', 'not allowed to subscribe to this');
    } catch (error) {
      log('authorize failed: %O', error);
      return refusal('unavailable', 'not decided, try again later');
    }
    if (isWanted()) enter(room);
    return { ok: true };
  }

  #isFull(wanted: string): boolean {
    const rooms = new Set([...this.#pending.keys(), ...this.#options.rooms()]);
    return !rooms.has(wanted) && rooms.size >= this.#options.maxSubscriptions;
  }
}

const notASubscription = `expected exactly one of routerId, producerId, participantId: a string of 1 to ${maxIdLength} characters`;

function refusal(code: SubscribeErrorCode, message: string): SubscribeReply {
  return { ok: false, error: { code, message } };
}
