import type { NoScoreReason } from '../../../src/events.ts';
import type { HistoryPart } from '../history.ts';
import { durationText, reasonText } from '../wording.ts';

/** Time without scores by reason, longest first. */
export function noScoreTimes(
  parts: readonly HistoryPart[],
  { fromMs, toMs }: { fromMs: number; toMs: number },
): [NoScoreReason, ms: number][] {
  const times = new Map<NoScoreReason, number>();
  for (const part of parts) {
    if (part.type !== 'noscore') continue;
    const ms = Math.min(toMs, part.toMs) - Math.max(fromMs, part.fromMs);
    times.set(part.reason, (times.get(part.reason) ?? 0) + Math.max(0, ms));
  }
  return [...times].sort(([, a], [, b]) => b - a);
}

/** A curve in words: 'scores from 2.1 to 4.4; no score: muted 2 min, silence 30 s'. */
export function describeParts(parts: readonly HistoryPart[], range: { fromMs: number; toMs: number }): string {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const part of parts) {
    if (part.type !== 'scores') continue;
    for (const { mosLqo } of part.points) {
      least = Math.min(least, mosLqo);
      most = Math.max(most, mosLqo);
    }
  }
  const scores = least > most ? 'no scores' : `scores from ${least.toFixed(1)} to ${most.toFixed(1)}`;
  const times = noScoreTimes(parts, range).map(([reason, ms]) => `${reasonText[reason]} ${durationText(ms)}`);
  return times.length === 0 ? scores : `${scores}; no score: ${times.join(', ')}`;
}
