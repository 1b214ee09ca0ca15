import { historySpan } from './history-reply.ts';

/**
 * Times for a history, by a clock that never jumps: `ownMs` is any clock that only goes on, `wallMs` the system's, which may
 * be set, and which the times of events come from. What is ahead of the clock, or older than the history, is now.
 */
export function placeTime(eventMs: number, wallMs: number, ownMs: number): number {
  const ageMs = wallMs - eventMs;
  return ageMs >= 0 && ageMs <= historySpan.spanMs ? ownMs - ageMs : ownMs;
}

/** Unix ms that no setting of the system's clock changes: those of the process's start, and the time since. */
export const steadyNowMs = (): number => performance.timeOrigin + performance.now();
