import { evaluatePolynomial, monotonicFit } from '../statistics/mapping.ts';
import { pcc, rmse } from '../statistics/statistics.ts';
import type { AgreedCondition } from './result.ts';

export interface GroupFigures {
  group: string;
  n: number;
  pcc: number;
  /** After one straight line per experiment, from scores to the MOS of its listeners. */
  rmse: number;
}

/** How a scorer agrees with listeners: over all conditions, and in each group of one experiment. */
export function figuresOf(conditions: readonly AgreedCondition[], scorer: string): GroupFigures[] {
  const scored = conditions.filter(({ scores }) => scores[scorer] !== undefined);
  const experiments = [...new Set(scored.map(({ experiment }) => experiment))];
  const mapped = experiments.flatMap((experiment) => {
    const own = scored.filter((condition) => condition.experiment === experiment);
    const scores = own.map((condition) => condition.scores[scorer] as number);
    const line = monotonicFit(
      scores,
      own.map(({ mos }) => mos),
      1,
    );
    return own.map((condition, n) => ({ ...condition, mapped: evaluatePolynomial(line, scores[n] as number) }));
  });
  const figures = (group: string, of: typeof mapped): GroupFigures => {
    const [scores, ratings] = [of.map((each) => each.mapped), of.map(({ mos }) => mos)];
    return { group, n: of.length, pcc: pcc(scores, ratings), rmse: rmse(scores, ratings) };
  };
  const groups = [...new Set(mapped.map(({ experiment, group }) => `${experiment}: ${group}`))];
  return [
    figures('all', mapped),
    ...experiments.map((experiment) =>
      figures(
        experiment,
        mapped.filter((condition) => condition.experiment === experiment),
      ),
    ),
    ...groups.map((group) =>
      figures(
        group,
        mapped.filter((condition) => `${condition.experiment}: ${condition.group}` === group),
      ),
    ),
  ];
}
