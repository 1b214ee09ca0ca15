import * as z from 'zod';
import { maxIdLength } from '../../src/base/options.ts';
import {
  noScoreFields,
  qualityState,
  reportFields,
  type StreamEvent,
  type StreamNoScore,
  type StreamScore,
  scoreFields,
  sequence,
  stateFields,
  warningClearedFields,
  warningFields,
} from '../../src/events.ts';
import type { MosEventType } from './event-types.ts';

/**
 * The contract of events: one for listeners in the process, socket.io, plain WebSockets and clients. Every event is a
 * plain object that survives JSON, distinguished by its `type`. Needs nothing of Node.js.
 */

const id = z.string().min(1).max(maxIdLength);
const time = z.number().min(0).describe('when it was sent, Unix ms of the server');

/** Whose audio it is about. */
const originFields = {
  producerId: id,
  routerId: id,
  participantId: id.optional().describe('as the application named the participant; absent where it did not'),
};

const head = { ...originFields, sequence, time };

/** A live score of one producer. The only event that may be left out for a client that is slow to receive. */
export const mosScoreEvent = z.object({ type: z.literal('score'), ...head, ...scoreFields });

/** The producer has no score, and why. Sent when the reason changes. */
export const mosNoScoreEvent = z.object({ type: z.literal('noscore'), ...head, ...noScoreFields });

/** How the producer sounds has changed for a while. Each is `unknown` before its first. */
export const mosStateEvent = z.object({ type: z.literal('state'), ...head, ...stateFields });

/** Something is wrong with the sound, and has been for a while; holds until its `warningcleared`. */
export const mosWarningEvent = z.object({ type: z.literal('warning'), ...head, ...warningFields });

/** A warning holds no longer. */
export const mosWarningClearedEvent = z.object({ type: z.literal('warningcleared'), ...head, ...warningClearedFields });

/** Summary of the producer's call: the last but one event of a producer, and on demand. */
export const mosReportEvent = z.object({ type: z.literal('report'), ...head, ...reportFields });

/** Last event of this producer: it was closed or removed, or its observer was closed. */
export const mosCloseEvent = z.object({ type: z.literal('producerclose'), ...head });

/** Every event of a producer, by its type. */
export const mosEventSchemas = {
  score: mosScoreEvent,
  noscore: mosNoScoreEvent,
  state: mosStateEvent,
  warning: mosWarningEvent,
  warningcleared: mosWarningClearedEvent,
  report: mosReportEvent,
  producerclose: mosCloseEvent,
} as const satisfies Record<MosEventType, z.ZodType>;

/** Any event of a producer. */
export const mosEvent = z.discriminatedUnion('type', [
  mosScoreEvent,
  mosNoScoreEvent,
  mosStateEvent,
  mosWarningEvent,
  mosWarningClearedEvent,
  mosReportEvent,
  mosCloseEvent,
]);

/** All that holds for one producer at a time. */
export const producerSnapshot = z.object({
  ...originFields,
  nextSequence: sequence.describe('of the next event of this producer: what has a lower one is in here'),
  state: qualityState,
  status: z.discriminatedUnion('type', [mosScoreEvent, mosNoScoreEvent]).optional().describe('newest score or reason'),
  warnings: z.array(mosWarningEvent).describe('warnings that hold'),
});

/** Comes first: what holds for every producer subscribed to, in place of everything known of them before. */
export const mosSnapshotEvent = z.object({
  type: z.literal('snapshot'),
  time,
  producers: z.array(producerSnapshot),
});

/** Whose audio an event is about. */
export interface ProducerOrigin extends Readonly<z.infer<z.ZodObject<typeof originFields>>> {}
/** A live score of one producer. */
export interface MosScoreEvent extends Readonly<z.infer<typeof mosScoreEvent>> {}
/** The producer has no score, and why. */
export interface MosNoScoreEvent extends Readonly<z.infer<typeof mosNoScoreEvent>> {}
/** How the producer sounds has changed for a while. */
export interface MosStateEvent extends Readonly<z.infer<typeof mosStateEvent>> {}
/** Something is wrong with the sound, and has been for a while. */
export interface MosWarningEvent extends Readonly<z.infer<typeof mosWarningEvent>> {}
/** A warning holds no longer. */
export interface MosWarningClearedEvent extends Readonly<z.infer<typeof mosWarningClearedEvent>> {}
/** Summary of a producer's call. */
export interface MosReportEvent extends Readonly<z.infer<typeof mosReportEvent>> {}
/** Last event of a producer. */
export interface MosCloseEvent extends Readonly<z.infer<typeof mosCloseEvent>> {}
/** All that holds for one producer at a time. */
export interface ProducerSnapshot extends Readonly<z.infer<typeof producerSnapshot>> {}
/** What holds for every producer subscribed to. */
export interface MosSnapshotEvent extends Readonly<z.infer<typeof mosSnapshotEvent>> {}

/** The newest that is known of a producer's quality: a score, or why there is none. */
export type MosStatusEvent = MosScoreEvent | MosNoScoreEvent;

/** Any event of a producer. */
export type MosEvent =
  | MosStatusEvent
  | MosStateEvent
  | MosWarningEvent
  | MosWarningClearedEvent
  | MosReportEvent
  | MosCloseEvent;
export type { MosEventType };

/** Whose event it is, which one of it, and when: what stands at the head of every event. */
export type EventHead = ProducerOrigin & Pick<MosCloseEvent, 'sequence' | 'time'>;

/** The same event, of a producer instead of a stream. */
export function toMosEvent(event: StreamScore, head: EventHead): MosScoreEvent;
export function toMosEvent(event: StreamNoScore, head: EventHead): MosNoScoreEvent;
export function toMosEvent(event: StreamEvent, head: EventHead): MosStatusEvent;
export function toMosEvent(event: StreamEvent, head: EventHead): MosStatusEvent {
  const { streamId: _, sequence: __, type, ...fields } = event;
  return { type, ...head, ...fields } as MosStatusEvent;
}
