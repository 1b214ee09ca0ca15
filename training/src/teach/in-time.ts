/** Scale of a full-reference metric: of a pair that has nothing in common, and of equal signals. */
export interface MetricScale {
  worst: number;
  best: number;
}

/**
 * What is left of a MOS after an impairment in time: of what lay above 1 before it, the share of its scale that the metric keeps,
 * to the power of `exponent`. With 0.6 and PESQ that is nearest to what listeners said (docs/agreement): PESQ alone falls too fast,
 * and the drop on the scale of the E-model's R, on which impairments add up, is further from them (PCC .91 for .94).
 */
export function keptMos(before: number, metric: number, { worst, best }: MetricScale, exponent: number): number {
  const share = Math.max(0, Math.min(1, (metric - worst) / (best - worst)));
  return 1 + (before - 1) * share ** exponent;
}
