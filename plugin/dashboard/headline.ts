import type { QualityState } from '../../src/events.ts';

export interface HeadlineRow {
  readonly state: QualityState;
  /** Warnings and likely causes, in words. */
  readonly troubles: readonly string[];
}

export interface Headline {
  /** Of the worst that there is. */
  readonly state: QualityState;
  /** '2 of 13 poor: noise, reverberation'; empty without rows. */
  readonly text: string;
}

/** Troubles that are named. */
const maxTroubles = 3;

/** The state of all participants in one line, trouble first. */
export function headlineOf(rows: readonly HeadlineRow[]): Headline {
  const of = (state: QualityState) => rows.filter((row) => row.state === state);
  for (const state of ['poor', 'fair'] as const) {
    const affected = of(state);
    if (affected.length === 0) continue;
    const troubles = mostFrequent(affected.flatMap((row) => [...new Set(row.troubles)])).slice(0, maxTroubles);
    const named = troubles.length === 0 ? '' : `: ${troubles.join(', ')}`;
    return { state, text: `${affected.length} of ${rows.length} ${state}${named}` };
  }
  const good = of('good').length;
  if (good > 0)
    return { state: 'good', text: good === rows.length ? `All ${good} good` : `${good} of ${rows.length} good` };
  return { state: 'unknown', text: rows.length === 0 ? '' : `No score of ${rows.length} yet` };
}

/** Each once, the most frequent first. */
function mostFrequent(words: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).map(([word]) => word);
}
