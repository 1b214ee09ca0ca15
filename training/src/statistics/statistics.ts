import { sampleCorrelation, sampleRankCorrelation } from 'simple-statistics';

/** Pearson correlation; NaN when one side does not vary. */
export function pcc(a: readonly number[], b: readonly number[]): number {
  return a.length < 2 ? Number.NaN : sampleCorrelation([...a], [...b]);
}

/** Spearman rank correlation; ties share their mean rank. */
export function srcc(a: readonly number[], b: readonly number[]): number {
  return a.length < 2 ? Number.NaN : sampleRankCorrelation([...a], [...b]);
}

/** Kendall's tau-b, which corrects for ties; in O(n log n) (Knight, JASA 61, 1966). */
export function kendall(a: readonly number[], b: readonly number[]): number {
  const pairs = a
    .map((x, index): [number, number] => [x, b[index] as number])
    .sort(([x, y], [otherX, otherY]) => x - otherX || y - otherY);
  const all = (a.length * (a.length - 1)) / 2;
  const tiesA = tiedPairs(pairs, ([x], [otherX]) => x === otherX);
  const tiesBoth = tiedPairs(pairs, ([x, y], [otherX, otherY]) => x === otherX && y === otherY);
  const { sorted, inversions } = sortCounting(pairs.map(([, y]) => y));
  const tiesB = tiedPairs(sorted, (y, other) => y === other);
  return (all - tiesA - tiesB + tiesBoth - 2 * inversions) / Math.sqrt((all - tiesA) * (all - tiesB));
}

/** Pairs of equal values, which come one after another. */
function tiedPairs<T>(values: readonly T[], equal: (a: T, b: T) => boolean): number {
  let [pairs, run] = [0, 0];
  for (let n = 1; n < values.length; n++) {
    run = equal(values[n - 1] as T, values[n] as T) ? run + 1 : 0;
    pairs += run;
  }
  return pairs;
}

/** In rising order, and how many pairs were not (merge sort). */
function sortCounting(values: readonly number[]): { sorted: readonly number[]; inversions: number } {
  if (values.length < 2) return { sorted: values, inversions: 0 };
  const middle = values.length >> 1;
  const [left, right] = [sortCounting(values.slice(0, middle)), sortCounting(values.slice(middle))];
  const sorted: number[] = [];
  let inversions = left.inversions + right.inversions;
  let [l, r] = [0, 0];
  while (l < left.sorted.length || r < right.sorted.length) {
    const [x, y] = [left.sorted[l], right.sorted[r]];
    if (y === undefined || (x !== undefined && x <= y)) {
      sorted.push(x as number);
      l++;
    } else {
      sorted.push(y);
      inversions += left.sorted.length - l;
      r++;
    }
  }
  return { sorted, inversions };
}

export function rmse(a: readonly number[], b: readonly number[]): number {
  return Math.sqrt(mean(a.map((value, index) => (value - (b[index] as number)) ** 2)));
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Value below which a share of the values lies, interpolated (Hyndman and Fan, type 7). */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  const [below, above] = [sorted[low] as number, sorted[Math.min(low + 1, sorted.length - 1)] as number];
  return below + (at - low) * (above - below);
}

/** Area under the receiver operating characteristic: how often a positive case scores above a negative one; ties count half. */
export function auc(scores: readonly number[], truth: readonly number[]): number {
  const order = scores.map((_, index) => index).sort((i, j) => (scores[i] as number) - (scores[j] as number));
  const positives = truth.reduce((sum, value) => sum + value, 0);
  const negatives = truth.length - positives;
  let ranks = 0;
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && scores[order[end] as number] === scores[order[start] as number]) end++;
    const rank = (start + end + 1) / 2;
    for (let at = start; at < end; at++) ranks += rank * (truth[order[at] as number] as number);
    start = end;
  }
  return (ranks - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/** Counts of a yes-or-no decision. */
export interface Decisions {
  truePositives: number;
  falsePositives: number;
  trueNegatives: number;
  falseNegatives: number;
}

export function decide(scores: readonly number[], truth: readonly number[], threshold: number): Decisions {
  const counts = { truePositives: 0, falsePositives: 0, trueNegatives: 0, falseNegatives: 0 };
  for (const [index, score] of scores.entries()) {
    const [said, is] = [score >= threshold, truth[index] === 1];
    if (said) counts[is ? 'truePositives' : 'falsePositives']++;
    else counts[is ? 'falseNegatives' : 'trueNegatives']++;
  }
  return counts;
}

/** Harmonic mean of precision and recall; NaN when there is nothing to find and nothing is found. */
export function f1({ truePositives, falsePositives, falseNegatives }: Decisions): number {
  return (2 * truePositives) / (2 * truePositives + falsePositives + falseNegatives);
}

/** Share of the negative cases that are taken for positive. */
export function falseAlarmRate({ falsePositives, trueNegatives }: Decisions): number {
  return falsePositives / (falsePositives + trueNegatives);
}
