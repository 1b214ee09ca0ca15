import { TrainingError } from '../run/errors.ts';
import { type Cost, everything, type Family, type Kept, type UnitGroup } from '../structure/structure.ts';
import type { PerUnit } from './importance.ts';

/** Limits of a selection. */
export interface Budget {
  measure: keyof Cost;
  limit: number;
}

export interface SelectionOptions {
  /** Largest share of a group that goes at once, unless the budget cannot be met otherwise. */
  mostPerRound: number;
  /** Groups that stay whole: names, or the beginnings of names up to a dot. */
  spare: readonly string[];
}

/**
 * The units that stay within a budget. Units are removed one by one, the one with the least importance per cost first; costs
 * are computed again each time, as those of neighbouring layers depend on each other.
 */
export function select<Shape>(
  family: Family<Shape>,
  shape: Shape,
  importance: PerUnit,
  { measure, limit }: Budget,
  { mostPerRound, spare }: SelectionOptions,
): Kept {
  const groups = family.groups(shape).filter(({ name }) => !isSpared(name, spare));
  const kept = everything(family.groups(shape));
  const costOf = (units: Kept) => family.cost(family.shrunk(shape, units))[measure];
  const limited = (size: number) => Math.ceil(size * (1 - mostPerRound));
  for (const floor of [limited, () => 0]) {
    for (let cost = costOf(kept); cost > limit; ) {
      let best: { group: string; rest: readonly number[]; cost: number; score: number } | undefined;
      for (const { name, size, least, within } of groups) {
        const units = kept.get(name) as readonly number[];
        if (units.length <= Math.max(least, floor(size)) || isGone(kept, within)) continue;
        const values = importance.get(name) as Float64Array;
        const weakest = units.reduce((low, unit) => ((values[unit] as number) < (values[low] as number) ? unit : low));
        const rest = units.filter((unit) => unit !== weakest);
        const after = costOf(new Map(kept).set(name, rest));
        if (after >= cost) continue;
        const score = (values[weakest] as number) / (cost - after);
        if (!best || score < best.score) best = { group: name, rest, cost: after, score };
      }
      if (!best) break;
      kept.set(best.group, best.rest);
      cost = best.cost;
    }
  }
  return kept;
}

/** @throws {TrainingError} invalid-input when even the smallest network exceeds the budget */
export function checkReachable<Shape>(
  family: Family<Shape>,
  shape: Shape,
  { measure, limit }: Budget,
  spare: readonly string[],
): void {
  const groups = family.groups(shape);
  const unknown = spare.find((name) => !groups.some((group) => isSpared(group.name, [name])));
  if (unknown !== undefined) {
    throw new TrainingError('invalid-input', `spare: no group is called ${unknown}: ${groups.map(({ name }) => name)}`);
  }
  const kept = everything(groups);
  for (const { name, least } of groups) {
    if (!isSpared(name, spare)) kept.set(name, (kept.get(name) as readonly number[]).slice(0, least));
  }
  const smallest = family.cost(family.shrunk(shape, kept))[measure];
  if (smallest > limit) {
    throw new TrainingError(
      'invalid-input',
      `target: at least ${smallest} ${measure} remain, got a target of ${limit}`,
    );
  }
}

function isSpared(name: string, spare: readonly string[]): boolean {
  return spare.some((spared) => name === spared || name.startsWith(`${spared}.`));
}

function isGone(kept: Kept, within: UnitGroup['within']): boolean {
  return within !== undefined && !(kept.get(within.group) as readonly number[]).includes(within.unit);
}
