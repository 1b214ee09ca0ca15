/**
 * The E-model's scale from 0 to 100 (ITU-T G.107, annex B), on which impairments add up: from it to MOS. `best` is the MOS of
 * 100, 4.5 in G.107.
 */
export function mosOfR(r: number): number {
  const limited = Math.max(0, Math.min(100, r));
  return Math.max(1, 1 + 0.035 * limited + limited * (limited - 60) * (100 - limited) * 7e-6);
}

/** Back, where the MOS rises with it: from 6.5 on. */
export function rOfMos(mos: number): number {
  let [low, high] = [lowestR, 100];
  for (let halving = 0; halving < 40; halving++) {
    const middle = (low + high) / 2;
    if (mosOfR(middle) < mos) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

const lowestR = 6.5;
/** MOS of an R of 100. */
const bestMos = 4.5;

/** Teachers and metrics have a scale of their own from 1 to their best: the same share of the way lies at the same R. */
const onR = (value: number, worst: number, best: number) =>
  rOfMos(1 + ((bestMos - 1) * (Math.max(worst, Math.min(best, value)) - worst)) / (best - worst));

export interface FullReferenceScale {
  worst: number;
  best: number;
}

/**
 * What is left of a MOS after an impairment in time: the drop that a full-reference metric measures from before to after it is
 * taken from the MOS before it, on the scale of R.
 *
 * @param factor - of the drop
 */
export function afterDrop(before: number, metric: number, { worst, best }: FullReferenceScale, factor = 1): number {
  const drop = factor * (100 - onR(metric, worst, best));
  const mos = mosOfR(onR(before, 1, mosBest) - drop);
  return 1 + ((mos - 1) * (mosBest - 1)) / (bestMos - 1);
}

/** Best score of the non-intrusive teachers. */
const mosBest = 4.8;
