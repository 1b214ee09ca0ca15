import type { Interval } from '../events.ts';

/** Lowest and highest MOS (ITU-T P.800). */
export const mosRange = { min: 1, max: 5 } as const;

export function clampMos(mos: number): number {
  return Math.min(mosRange.max, Math.max(mosRange.min, mos));
}

/** The interval of a Gaussian around `mos` that holds `coverage` (between 0 and 1), cut at the ends of the scale. */
export function intervalOf(mos: number, sigma: number, coverage: number): Interval {
  const half = sigma * normalQuantile((1 + coverage) / 2);
  return { lower: clampMos(mos - half), upper: clampMos(mos + half), coverage };
}

/** z such that a standard normal variable is below z with `probability` (0 to 1, exclusive); within 1e-9. */
export function normalQuantile(probability: number): number {
  let [low, high] = [-10, 10];
  while (high - low > 1e-10) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** By the series of the error function: sum over n of z^(2n+1) / (1 * 3 * ... * (2n+1)), times the density. */
function normalCdf(z: number): number {
  if (z < -8) return 0;
  if (z > 8) return 1;
  let term = z;
  let sum = z;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (z * z) / (2 * n + 1);
    sum += term;
  }
  return 0.5 + (sum * Math.exp(-0.5 * z * z)) / Math.sqrt(2 * Math.PI);
}
