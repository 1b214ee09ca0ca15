import { maxIdLength } from '../../src/base/options.ts';
import type {
  MosCloseEvent,
  MosNoScoreEvent,
  MosReportEvent,
  MosScoreEvent,
  MosSnapshotEvent,
  MosStateEvent,
  MosWarningClearedEvent,
  MosWarningEvent,
  ProducerOrigin,
} from './events.ts';

/** What a client subscribes to: everything of one router, one producer or one participant. Ids have 1 to 256 characters. */
export type MosSubscription = Only<'routerId'> | Only<'producerId'> | Only<'participantId'>;

type Only<Kind extends 'routerId' | 'producerId' | 'participantId'> = { readonly [K in Kind]: string } & {
  readonly [K in Exclude<'routerId' | 'producerId' | 'participantId', Kind>]?: undefined;
};

/** Why a subscription is refused. */
export const subscribeErrorCodes = [
  /** Not a `MosSubscription`. */
  'bad-request',
  /** The application does not let this client subscribe to it. */
  'forbidden',
  /** This client has as many subscriptions as it may have. */
  'too-many-subscriptions',
  /** The application could not decide: its `authorize` failed. Try again later. */
  'unavailable',
] as const;

export type SubscribeErrorCode = (typeof subscribeErrorCodes)[number];

export type SubscribeReply =
  | { readonly ok: true }
  | { readonly ok: false; readonly error: { readonly code: SubscribeErrorCode; readonly message: string } };

/** Why the server ends a client's connection. */
export const goodbyeReasons = [
  /** It takes what it is sent too slowly: more waits for it than may. Scores were left out before. */
  'slow',
  /** It asks too often. */
  'too-many-requests',
  /** It sent what is no message of this feed. */
  'bad-request',
  /** The application does not know it. */
  'unauthenticated',
  /** The application could not decide (its `authenticate` failed), or the server is full. Try again later. */
  'unavailable',
  /** The feed ends. */
  'closed',
] as const;

export type GoodbyeReason = (typeof goodbyeReasons)[number];

/** Why a connection to the socket.io namespace is refused: the message of its `connect_error`. */
export type ConnectRefusal =
  | Extract<GoodbyeReason, 'unauthenticated' | 'unavailable' | 'too-many-requests'>
  /** A web page of another origin, or the server was addressed by a name that is not its own. */
  | 'forbidden-origin';

/** The last message of a connection that the server ends, where the client still takes it. */
export interface MosGoodbye {
  readonly type: 'goodbye';
  readonly reason: GoodbyeReason;
}

/** What a server sends. A client that subscribed twice to a producer (as router and as participant, for example) gets each event once. */
export interface ServerToClientEvents {
  /**
   * Comes first after `subscribe`: what holds for every producer subscribed to. Where several nodes share a feed, one more
   * comes from each other node that has such producers. An event of a producer with a `sequence` below its
   * `nextSequence` is in there, and may still arrive.
   */
  snapshot: (event: MosSnapshotEvent) => void;
  /** May be left out for a client that is slow to receive. */
  score: (event: MosScoreEvent) => void;
  noscore: (event: MosNoScoreEvent) => void;
  state: (event: MosStateEvent) => void;
  warning: (event: MosWarningEvent) => void;
  warningcleared: (event: MosWarningClearedEvent) => void;
  report: (event: MosReportEvent) => void;
  producerclose: (event: MosCloseEvent) => void;
  goodbye: (event: MosGoodbye) => void;
  /** Needs no listener: with socket.io's `connectionStateRecovery`, a connection is recovered from here on. */
  checkpoint: () => void;
}

/** What a client sends. Subscriptions end with the connection: a client subscribes again on every `connect`. */
export interface ClientToServerEvents {
  /** Subscribing again to the same sends the snapshot again. */
  subscribe: (subscription: MosSubscription, reply?: (reply: SubscribeReply) => void) => void;
  unsubscribe: (subscription: MosSubscription, reply?: (reply: SubscribeReply) => void) => void;
}

const kinds = ['routerId', 'producerId', 'participantId'] as const;

/** What a client sent, if it is a subscription and nothing else. */
export function parseSubscription(payload: unknown): MosSubscription | undefined {
  if (typeof payload !== 'object' || payload === null) return undefined;
  const entries = Object.entries(payload);
  const [kind, id] = entries[0] ?? [];
  if (entries.length !== 1 || !kinds.some((known) => known === kind)) return undefined;
  if (typeof id !== 'string' || id.length === 0 || id.length > maxIdLength) return undefined;
  return { [kind as 'routerId']: id };
}

/** The socket.io room of a subscription. */
export function roomOf(subscription: MosSubscription): string {
  const kind = kinds.find((each) => subscription[each] !== undefined);
  return `mos:${kind}:${kind && subscription[kind]}`;
}

/** Every room where events of this producer belong. */
export function roomsOf({ routerId, producerId, participantId }: ProducerOrigin): string[] {
  const rooms = [roomOf({ routerId }), roomOf({ producerId })];
  return participantId === undefined ? rooms : [...rooms, roomOf({ participantId })];
}

/** Whether an event of this producer is among what was subscribed to. */
export const isSubscribed = (subscription: MosSubscription, origin: ProducerOrigin): boolean =>
  kinds.every((kind) => subscription[kind] === undefined || subscription[kind] === origin[kind]);

/** Whether a room is one of a subscription. */
export const isSubscriptionRoom = (room: string): boolean => kinds.some((kind) => room.startsWith(`mos:${kind}:`));
