import { normalQuantile } from '../../../src/scoring/interval.ts';
import { Random } from '../run/random.ts';

/** A prediction and its label. */
export interface Spread {
  /** Of the prediction from the truth. */
  error: number;
  /** Standard deviation that the network states. */
  sigma: number;
}

export interface Calibration {
  method: string;
  n: number;
  /** Factor on the network's standard deviation. */
  sigmaScale: number;
  coverageUncalibrated: number;
  /** Of clips that the scale was not fitted to: the two halves, each with the scale of the other. */
  coverageMeasured: number;
}

/**
 * Finds how wide intervals must be to hold the truth as often as they say (split conformal prediction, Lei et al., arXiv
 * 1604.04173: the rank is that of n + 1).
 *
 * @throws {RangeError} with fewer clips than the coverage needs
 */
export function calibrate(spreads: readonly Spread[], coverage: number, seed: number): Calibration {
  const least = 2 * Math.ceil(coverage / (1 - coverage) - 1e-9);
  if (spreads.length < least) {
    throw new RangeError(
      `a coverage of ${coverage} needs at least ${least} clips to calibrate on, got ${spreads.length}`,
    );
  }
  const shuffled = Random.derive(seed, 'calibration').shuffle(spreads);
  const half = Math.floor(shuffled.length / 2);
  const [first, second] = [shuffled.slice(0, half), shuffled.slice(half)];
  const inside = (set: readonly Spread[], scale: number) =>
    set.filter((spread) => ratioOf(spread, coverage) <= scale).length;
  const crossed = inside(first, scaleOf(second, coverage)) + inside(second, scaleOf(first, coverage));
  return {
    method:
      'split conformal: the scale at which the interval holds the reference of so many clips; coverageMeasured: two halves, each with the scale of the other',
    n: spreads.length,
    sigmaScale: scaleOf(spreads, coverage),
    coverageUncalibrated: inside(spreads, 1) / spreads.length,
    coverageMeasured: crossed / spreads.length,
  };
}

/** The scale at which the interval of a prediction just reaches the truth. */
function ratioOf({ error, sigma }: Spread, coverage: number): number {
  return Math.abs(error) / (sigma * normalQuantile((1 + coverage) / 2));
}

function scaleOf(spreads: readonly Spread[], coverage: number): number {
  const ratios = spreads.map((spread) => ratioOf(spread, coverage)).sort((a, b) => a - b);
  const rank = Math.min(ratios.length, Math.ceil((ratios.length + 1) * coverage));
  return ratios[rank - 1] as number;
}

/**
 * Probability from which a step counts as speech: 99 % of the steps without speech stay below it, within 0.5 to
 * 0.85; 0.5 when there are none. No higher, since soft speech is lost then.
 *
 * @param silent speech probability of each step of the non-speech clips
 */
export function stepThreshold(silent: readonly number[]): number {
  return silent.length === 0 ? 0.5 : Math.min(0.85, Math.max(0.5, nearlyAllStayBelow(silent)));
}

/**
 * Share of speech steps below which a window counts as non-speech: 99 % of the clips without
 * speech stay below, within 0.05 to 0.25; 0.1 when there are none. No higher, since talk has pauses: a window of it may
 * hold speech for a third of its time.
 *
 * @param silent mean speech probability of each non-speech clip
 */
export function speechThreshold(silent: readonly number[]): number {
  return silent.length === 0 ? 0.1 : Math.min(0.25, Math.max(0.05, nearlyAllStayBelow(silent)));
}

/** The 99th percentile, rounded up to hundredths. */
function nearlyAllStayBelow(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const reached = sorted[Math.min(sorted.length - 1, Math.floor(0.99 * sorted.length))] as number;
  return Math.ceil(100 * reached) / 100;
}
