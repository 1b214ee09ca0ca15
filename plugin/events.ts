import type { StreamEvent, StreamNoScore, StreamScore } from '../src/events.ts';

/** Whose audio an event is about. */
export interface ProducerOrigin {
  readonly producerId: string;
  readonly routerId: string;
  /** As the application named the participant; absent where it did not. */
  readonly participantId?: string;
}

/** A live score of one producer. */
export interface MosScoreEvent extends ProducerOrigin, Omit<StreamScore, 'streamId'> {}

/** The producer has no score, and why. Sent when the reason changes. */
export interface MosNoScoreEvent extends ProducerOrigin, Omit<StreamNoScore, 'streamId'> {}

/** Nothing more is heard of this producer: it was closed or removed, or its observer was closed. */
export interface MosCloseEvent extends ProducerOrigin {
  readonly type: 'close';
}

/** What is known of a producer at a time. */
export type MosStatusEvent = MosScoreEvent | MosNoScoreEvent;

export type MosEvent = MosStatusEvent | MosCloseEvent;

/**
 * The same event, told of a producer instead of a stream.
 *
 * @param sequence - counts the score and noscore events of a producer in its observer, from 0 without gaps
 */
export function toMosEvent(event: StreamScore, origin: ProducerOrigin, sequence: number): MosScoreEvent;
export function toMosEvent(event: StreamNoScore, origin: ProducerOrigin, sequence: number): MosNoScoreEvent;
export function toMosEvent(event: StreamEvent, origin: ProducerOrigin, sequence: number): MosStatusEvent;
export function toMosEvent(event: StreamEvent, origin: ProducerOrigin, sequence: number): MosStatusEvent {
  const { streamId: _, ...rest } = event;
  return { ...origin, ...rest, sequence };
}
