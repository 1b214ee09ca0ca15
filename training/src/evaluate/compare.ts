import { Random } from '../run/random.ts';
import { evaluatePolynomial, monotonicFit } from '../statistics/mapping.ts';
import { kendall, mean, pcc, quantile, rmse, srcc } from '../statistics/statistics.ts';

/** One file (or condition) as it was scored and as it is rated. */
export interface Pair {
  score: number;
  rating: number;
  condition?: string;
  /** Half of the rating's own 95 % confidence interval. */
  ci95?: number;
}

/** A figure and the interval that holds 95 % of its bootstrap. */
export interface Figure {
  value: number;
  low: number;
  high: number;
}

export interface Comparison {
  n: number;
  pcc: Figure;
  srcc: Figure;
  kendall: Figure;
  rmse: Figure;
  /** Root mean squared errors after monotonic mapping of first and third order. */
  rmseFirstOrder: number;
  rmseThirdOrder: number;
  /** ITU-T P.1401, clause 7.5.2: after third-order mapping, what of each error lies outside of the rating's confidence interval. */
  rmseStar?: number;
}

export interface CompareOptions {
  seed: number;
  /** Resamplings. Default 1000. */
  resamplings?: number;
}

/** Compares scores with ratings. NaN where a figure needs more pairs than there are, or pairs that differ. */
export function compare(pairs: readonly Pair[], { seed, resamplings = 1000 }: CompareOptions): Comparison {
  const draws = drawn(pairs, resamplings, Random.derive(seed, 'bootstrap'));
  const figure = (statistic: Statistic, samples: readonly (readonly Pair[])[] = draws): Figure =>
    bootstrapped((sample) => onPairs(statistic, sample), pairs, samples);
  const mapped = (order: 1 | 3) => {
    const [scores, ratings] = [pairs.map(({ score }) => score), pairs.map(({ rating }) => rating)];
    const polynomial = monotonicFit(scores, ratings, order);
    return scores.map((score) => evaluatePolynomial(polynomial, score));
  };
  const ratings = pairs.map(({ rating }) => rating);
  const third = mapped(3);
  const rmseStar = rmseBeyondConfidence(pairs, third);
  return {
    n: pairs.length,
    pcc: figure(pcc),
    srcc: figure(srcc),
    // Kendall's tau takes time that grows with the square of the pairs: fewer resamplings.
    kendall: figure(kendall, draws.slice(0, Math.ceil(resamplings / 10))),
    rmse: figure(rmse),
    rmseFirstOrder: rmse(mapped(1), ratings),
    rmseThirdOrder: rmse(third, ratings),
    ...(rmseStar === undefined ? {} : { rmseStar }),
  };
}

/**
 * How much larger the root mean squared error of scores is than that of others, of the same clips in the same order. Clips are drawn
 * with both of their scores: what is hard for both says nothing of the difference.
 */
export function rmseDifference(
  pairs: readonly Pair[],
  others: readonly Pair[],
  { seed, resamplings = 1000 }: CompareOptions,
): Figure {
  const clips = pairs.map((pair, index): [Pair, Pair] => [pair, others[index] as Pair]);
  const difference = (sample: readonly [Pair, Pair][]) => {
    const [own, other] = [sample.map(([pair]) => pair), sample.map(([, pair]) => pair)];
    return onPairs(rmse, own) - onPairs(rmse, other);
  };
  return bootstrapped(difference, clips, drawn(clips, resamplings, Random.derive(seed, 'paired bootstrap')));
}

/** Samples of as many items as there are, drawn with replacement. */
function drawn<Item>(items: readonly Item[], samples: number, random: Random): Item[][] {
  return Array.from({ length: samples }, () => items.map(() => items[random.integer(0, items.length - 1)] as Item));
}

/** A statistic of all items, and what it is of samples of them. */
function bootstrapped<Item>(
  statistic: (items: readonly Item[]) => number,
  items: readonly Item[],
  samples: readonly (readonly Item[])[],
): Figure {
  const values = samples.map(statistic).filter(Number.isFinite);
  const value = statistic(items);
  if (values.length === 0) return { value, low: Number.NaN, high: Number.NaN };
  return { value, low: quantile(values, 0.025), high: quantile(values, 0.975) };
}

type Statistic = (scores: readonly number[], ratings: readonly number[]) => number;

function onPairs(statistic: Statistic, pairs: readonly Pair[]): number {
  return statistic(
    pairs.map(({ score }) => score),
    pairs.map(({ rating }) => rating),
  );
}

/** Divided by the pairs less the mapping's four coefficients; undefined without confidence intervals or with too few pairs. */
function rmseBeyondConfidence(pairs: readonly Pair[], mapped: readonly number[]): number | undefined {
  const coefficients = 4;
  if (pairs.length <= coefficients || pairs.some(({ ci95 }) => ci95 === undefined)) return undefined;
  const errors = pairs.map(({ rating, ci95 }, index) =>
    Math.max(0, Math.abs((mapped[index] as number) - rating) - (ci95 as number)),
  );
  return Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / (pairs.length - coefficients));
}

/** The means of each condition: what P.1401 compares when ratings are known per condition. */
export function perCondition(pairs: readonly Pair[]): Pair[] {
  const groups = new Map<string, Pair[]>();
  for (const pair of pairs) {
    if (pair.condition === undefined) continue;
    groups.set(pair.condition, [...(groups.get(pair.condition) ?? []), pair]);
  }
  return [...groups].map(([condition, group]) => {
    const intervals = group.flatMap(({ ci95 }) => (ci95 === undefined ? [] : [ci95]));
    return {
      condition,
      score: mean(group.map(({ score }) => score)),
      rating: mean(group.map(({ rating }) => rating)),
      // Of a mean of independent means.
      ...(intervals.length === group.length ? { ci95: Math.hypot(...intervals) / group.length } : {}),
    };
  });
}
