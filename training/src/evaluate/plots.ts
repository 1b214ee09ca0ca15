import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

/** Scores over ratings as SVG, a panel for each scorer. */
export async function scatterPlot(
  reference: string,
  values: readonly { scorer: string; rating: number; score: number }[],
): Promise<string> {
  const axis = { type: 'quantitative' as const, scale: { domain: [1, 5] } };
  const panel: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    data: { values: [...values] },
    facet: { field: 'scorer', type: 'nominal', title: null },
    columns: 3,
    spec: {
      ...{ width: 220, height: 220 },
      layer: [
        {
          mark: { type: 'circle', size: 14, opacity: 0.5 },
          encoding: {
            x: { field: 'rating', title: reference, ...axis },
            y: { field: 'score', title: 'score', ...axis },
          },
        },
        {
          data: { values: [{ at: 1 }, { at: 5 }] },
          mark: { type: 'line', strokeDash: [4, 4], color: '#888', strokeWidth: 1 },
          encoding: { x: { field: 'at', ...axis }, y: { field: 'at', ...axis } },
        },
      ],
    },
  };
  const view = new View(parse(compile(panel).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
