import { normalQuantile } from '../../../src/scoring/interval.ts';
import { mean } from '../statistics/statistics.ts';

/** What one panel rated, beside a model's scores. */
export interface Panel {
  set: string;
  files: {
    /** Score minus rating. */
    error: number;
    /** Standard deviation that the network states, calibrated. */
    sigma: number;
  }[];
}

/** Share of a panel's ratings inside the intervals, with so much more deviation between panels. */
export function coverageOf({ files }: Panel, panelSigma: number, coverage: number): number {
  const reach = normalQuantile((1 + coverage) / 2);
  return mean(files.map(({ error, sigma }) => (Math.abs(error) <= reach * Math.hypot(sigma, panelSigma) ? 1 : 0)));
}

/** The least deviation between panels with which the intervals hold the wanted share of ratings, each panel counting the same. */
export function panelSigmaOf(panels: readonly Panel[], coverage: number): number {
  let [low, high] = [0, 4];
  for (let halving = 0; halving < 40; halving++) {
    const middle = (low + high) / 2;
    if (mean(panels.map((panel) => coverageOf(panel, middle, coverage))) < coverage) low = middle;
    else high = middle;
  }
  return high;
}

/** Of each panel, the share inside the intervals that the other panels gave. */
export function coveragesLeftOut(panels: readonly Panel[], coverage: number): number[] {
  return panels.map((panel) =>
    coverageOf(
      panel,
      panelSigmaOf(
        panels.filter((each) => each !== panel),
        coverage,
      ),
      coverage,
    ),
  );
}
