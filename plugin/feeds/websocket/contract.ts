import * as z from 'zod';
import { maxIdLength } from '../../../src/base/options.ts';
import { mosEventSchemas, mosSnapshotEvent } from '../events.ts';
import { type GoodbyeReason, goodbyeReasons, subscribeErrorCodes } from '../feed-contract.ts';

/**
 * The messages of the feed over a plain WebSocket: one JSON object in each text frame. Events are those of every other
 * feed; what is here is around them.
 */

const id = z.string().min(1).max(maxIdLength);
const requestId = z
  .union([z.string().max(64), z.int()])
  .optional()
  .describe('chosen by the client; comes back with the reply');

/** What a client subscribes to. */
export const subscriptionSchema = z
  .union([z.strictObject({ routerId: id }), z.strictObject({ producerId: id }), z.strictObject({ participantId: id })])
  .describe('everything of one router, one producer or one participant');

/** First, and once. */
export const connectMessage = z.strictObject({
  type: z.literal('connect'),
  auth: z.record(z.string(), z.unknown()).optional().describe('what the application wants to know of a client'),
});

/** What is known comes first, as a `snapshot`, then the reply. */
export const subscribeMessage = z.strictObject({
  type: z.literal('subscribe'),
  id: requestId,
  subscription: subscriptionSchema,
});

export const unsubscribeMessage = z.strictObject({
  type: z.literal('unsubscribe'),
  id: requestId,
  subscription: subscriptionSchema,
});

/** The client was let in. */
export const connectedMessage = z.object({ type: z.literal('connected') });

/** To one `subscribe` or `unsubscribe`. */
export const replyMessage = z.discriminatedUnion('ok', [
  z.object({ type: z.literal('reply'), id: requestId, ok: z.literal(true) }),
  z.object({
    type: z.literal('reply'),
    id: requestId,
    ok: z.literal(false),
    error: z.object({ code: z.enum(subscribeErrorCodes), message: z.string() }),
  }),
]);

/** The last message of a connection that the server ends. */
export const goodbyeMessage = z.object({ type: z.literal('goodbye'), reason: z.enum(goodbyeReasons) });

/** What a client sends, by its type. */
export const clientMessageSchemas = {
  connect: connectMessage,
  subscribe: subscribeMessage,
  unsubscribe: unsubscribeMessage,
} as const;

/** What a server sends, by its type. */
export const serverMessageSchemas = {
  connected: connectedMessage,
  reply: replyMessage,
  goodbye: goodbyeMessage,
  snapshot: mosSnapshotEvent,
  ...mosEventSchemas,
} as const;

/** With which code the connection is closed after a goodbye. */
export const closeCodes: Readonly<Record<GoodbyeReason, number>> = {
  'bad-request': 4400,
  unauthenticated: 4401,
  unavailable: 4503,
  slow: 4408,
  'too-many-requests': 4429,
  closed: 1001,
};

/**
 * What the server takes before it looks at a subscription, so that a wrong one is answered instead of the client being
 * disconnected.
 */
export const requestEnvelope = z.discriminatedUnion('type', [
  connectMessage,
  subscribeMessage.extend({ subscription: z.unknown() }),
  unsubscribeMessage.extend({ subscription: z.unknown() }),
]);

export type WebSocketRequest = z.infer<typeof requestEnvelope>;
export type WebSocketReply = z.infer<typeof replyMessage>;
