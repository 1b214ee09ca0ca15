import { evaluatePolynomial, monotonicFit } from '../statistics/mapping.ts';
import { mean, pcc, rmse } from '../statistics/statistics.ts';

/** How well scores tell the ratings of one data set. */
export interface SetFigures {
  files: number;
  /** Pearson correlation; null where one side does not vary. */
  pcc: number | null;
  rmse: number;
  /** After the best rising line from scores to ratings (ITU-T P.1401): the scale of the experiment does not count. */
  rmseMapped: number;
}

export interface ScoredRating {
  dataset: string;
  mos: number;
  score: number;
}

/** Figures of each data set, by name. */
export function figuresOf(scored: readonly ScoredRating[]): Map<string, SetFigures> {
  const sets = new Map<string, ScoredRating[]>();
  for (const each of scored) sets.set(each.dataset, [...(sets.get(each.dataset) ?? []), each]);
  return new Map(
    [...sets].map(([dataset, members]) => {
      const [scores, ratings] = [members.map(({ score }) => score), members.map(({ mos }) => mos)];
      const line = monotonicFit(scores, ratings, 1);
      const mapped = scores.map((score) => evaluatePolynomial(line, score));
      const correlation = pcc(scores, ratings);
      const figures = {
        pcc: Number.isFinite(correlation) ? correlation : null,
        rmse: rmse(scores, ratings),
        rmseMapped: rmse(mapped, ratings),
      };
      return [dataset, { files: members.length, ...figures }];
    }),
  );
}

/** What decides which epoch is kept, less is better: the mean over data sets, whatever their size. */
export function selectionOf(figures: ReadonlyMap<string, SetFigures>): number {
  return mean([...figures.values()].map(({ rmseMapped }) => rmseMapped));
}
