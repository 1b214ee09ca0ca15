/**
 * How a data set's scale lies to the teacher's: rating = offset + slope x score. Experiments with the same speech differ in
 * this, since people use the scale for the range of what they hear (ITU-T P.1401, clause 7.3).
 */
export interface Bias {
  offset: number;
  slope: number;
}

export const noBias: Bias = { offset: 0, slope: 1 };

/** A score, the rating that it should have, and the weight of that rating. */
export interface Scored {
  score: number;
  mos: number;
  weight: number;
}

/**
 * The bias of a data set of first order, by weighted least squares, as the bias-aware loss of G. Mittag, S. Zadtootaghaj, T.
 * Michael, B. Naderi and S. Möller (QoMEX 2021, arXiv 2104.10217) finds it again after each epoch: the loss then compares
 * the ratings with scores on their own scale. Undefined while the scores say too little of the ratings.
 */
export function biasOf(scored: readonly Scored[], minimumCorrelation: number): Bias | undefined {
  const total = scored.reduce((sum, { weight }) => sum + weight, 0);
  const mean = (value: (of: Scored) => number) => scored.reduce((sum, of) => sum + of.weight * value(of), 0) / total;
  const [score, mos] = [mean((of) => of.score), mean((of) => of.mos)];
  const [scores, ratings] = [mean((of) => (of.score - score) ** 2), mean((of) => (of.mos - mos) ** 2)];
  const both = mean((of) => (of.score - score) * (of.mos - mos));
  const correlation = both / Math.sqrt(scores * ratings);
  // Not a number where either does not vary.
  if (!(correlation >= minimumCorrelation) || both <= 0) return undefined;
  const slope = both / scores;
  return { offset: mos - slope * score, slope };
}
