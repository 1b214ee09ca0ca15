import { sampleCorrelation, sampleRankCorrelation } from 'simple-statistics';

/** Pearson correlation; NaN when one side does not vary. */
export function pcc(a: readonly number[], b: readonly number[]): number {
  return a.length < 2 ? Number.NaN : sampleCorrelation([...a], [...b]);
}

/** Spearman rank correlation; ties share their mean rank. */
export function srcc(a: readonly number[], b: readonly number[]): number {
  return a.length < 2 ? Number.NaN : sampleRankCorrelation([...a], [...b]);
}

/** Kendall's tau-b, which corrects for ties. O(n^2). */
export function kendall(a: readonly number[], b: readonly number[]): number {
  let [agreement, tiesA, tiesB, pairs] = [0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < i; j++) {
      const [x, y] = [Math.sign((a[i] as number) - (a[j] as number)), Math.sign((b[i] as number) - (b[j] as number))];
      agreement += x * y;
      tiesA += Number(x === 0);
      tiesB += Number(y === 0);
      pairs++;
    }
  }
  return agreement / Math.sqrt((pairs - tiesA) * (pairs - tiesB));
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
