import { svg, vegaSchema } from '../evaluate/plots.ts';
import type { AgreedCondition, AgreedPoint } from './result.ts';

const mosAxis = { type: 'quantitative' as const, scale: { domain: [1, 5] } };

/** Scores over the MOS of listeners, a panel for each scorer. */
export function conditionPlot(conditions: readonly AgreedCondition[]): Promise<string> {
  const values = conditions.flatMap(({ experiment, group, mos, scores }) =>
    Object.entries(scores).map(([scorer, score]) => ({ experiment, group, mos, scorer, score })),
  );
  return svg({
    $schema: vegaSchema,
    data: { values },
    facet: { field: 'scorer', type: 'nominal', title: null },
    columns: 3,
    spec: {
      ...{ width: 220, height: 220 },
      mark: { type: 'point', filled: true, size: 30, opacity: 0.7 },
      encoding: {
        x: { field: 'mos', title: 'MOS of listeners', ...mosAxis },
        y: { field: 'score', title: 'score', ...mosAxis },
        color: { field: 'group', type: 'nominal', title: null },
        shape: { field: 'experiment', type: 'nominal', title: null },
      },
    },
  });
}

/** Scores over the strength of each impairment, a panel for each sweep; what is undisturbed lies on the left. */
export function sweepPlot(points: readonly AgreedPoint[]): Promise<string> {
  const values = points.flatMap(({ sweep, axis, strength, scores }, order) =>
    Object.entries(scores).map(([scorer, score]) => ({ panel: `${sweep}; ${axis}`, order, strength, scorer, score })),
  );
  return svg({
    $schema: vegaSchema,
    data: { values },
    facet: { field: 'panel', type: 'nominal', title: null, sort: null },
    columns: 4,
    resolve: { scale: { x: 'independent' } },
    spec: {
      ...{ width: 180, height: 140 },
      mark: { type: 'line', point: { size: 14 } },
      encoding: {
        x: { field: 'strength', type: 'ordinal', sort: { field: 'order' }, title: null },
        y: { field: 'score', title: null, ...mosAxis },
        color: { field: 'scorer', type: 'nominal', title: null },
      },
    },
  });
}
