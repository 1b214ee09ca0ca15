import { Random } from '../run/random.ts';
import type { FoundRecording } from './find.ts';
import { type HeldOut, isHeldOut } from './held-out.ts';
import { kinds, type Split } from './manifest.ts';

/** Shares of the speakers (and of the noises and rooms); each 0 to 1, together at most 1, the rest trains. */
export interface SplitShares {
  validation: number;
  test: number;
}

/**
 * Assigns each recording to a split. All recordings of one speaker stay together; noises and rooms are split
 * one by one. A file that is held out takes its speaker with it. Each kind fills its shares of its own, and at least one
 * place of each share above 0 where it has three or more.
 */
export function splitRecordings<R extends Pick<FoundRecording, 'id' | 'kind' | 'speaker'>>(
  recordings: readonly R[],
  { shares, heldOut, seed }: { shares: SplitShares; heldOut: HeldOut; seed: number },
): (R & { split: Split })[] {
  const splitOf = new Map<string, Split>();
  for (const recording of recordings) {
    if (isHeldOut(heldOut, recording)) splitOf.set(groupOf(recording), 'held-out');
  }
  // A speaker in two kinds (clean and wild) is drawn with the first of them.
  for (const kind of kinds) {
    const ofKind = recordings.filter((recording) => recording.kind === kind).map(groupOf);
    const groups = [...new Set(ofKind)].filter((group) => !splitOf.has(group)).sort();
    const order = Random.derive(seed, 'split', kind).shuffle(groups);
    const places = (share: number) =>
      share > 0 && order.length >= 3 ? Math.max(1, Math.round(share * order.length)) : 0;
    const [validation, test] = [places(shares.validation), places(shares.test)];
    for (const [rank, group] of order.entries()) {
      splitOf.set(group, rank < validation ? 'validation' : rank < validation + test ? 'test' : 'train');
    }
  }
  return recordings.map((recording) => ({ ...recording, split: splitOf.get(groupOf(recording)) as Split }));
}

/** A unit of splitting: a speaker, or one noise or room. */
function groupOf({ id, kind, speaker }: Pick<FoundRecording, 'id' | 'kind' | 'speaker'>): string {
  return speaker === undefined ? `${kind} ${id}` : `speaker ${speaker}`;
}
