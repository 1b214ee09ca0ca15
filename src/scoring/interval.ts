import type { Interval } from '../events.ts';

/** Lowest and highest MOS (ITU-T P.800). */
export const mosRange = { min: 1, max: 5 } as const;

export function clampMos(mos: number): number {
  return Math.min(mosRange.max, Math.max(mosRange.min, mos));
}

export interface IntervalOptions {
  /** Probability that the MOS of a panel of listeners lies inside, between 0 and 1. */
  readonly coverage: number;
  /** Speech that the score was made of, ms, from 0. */
  readonly speechMs: number;
}

/**
 * The MOS of a panel of listeners lies inside with probability `coverage`: a Gaussian around `mos`, cut at the ends of the
 * scale. `sigma`: its standard deviation for a full window, MOS; less speech widens it by `speechSpread`.
 */
export function intervalOf(mos: number, sigma: number, { coverage, speechMs }: IntervalOptions): Interval {
  const half = Math.hypot(sigma, speechSpread(speechMs)) * normalQuantile((1 + coverage) / 2);
  return { lower: clampMos(mos - half), upper: clampMos(mos + half), coverage };
}

/** Fitted to the model `small` on short pieces of the test recordings in six conditions: RMSE 0.40 at 0.5 s, 0.28 at 1 s, 0.33 at 1.5 s, 0.22 at 2.5 s. */
const spreadOfOneSecond = 0.33;

/** Speech from which on a score does not move any more with its length, ms. */
const fullSpeechMs = 7680;

/**
 * Standard deviation between the score of `speechMs` of speech and that of a full window of the same condition, MOS:
 * SPREAD * sqrt(1 / t - 1 / 7.68) with t in seconds, the form of a mean of independent pieces of speech.
 */
export function speechSpread(speechMs: number): number {
  const seconds = Math.max(speechMs, minSpeechMs) / 1000;
  return spreadOfOneSecond * Math.sqrt(Math.max(0, 1 / seconds - 1000 / fullSpeechMs));
}

/** Below this the form does not hold, ms. */
const minSpeechMs = 100;

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
