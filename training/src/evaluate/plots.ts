import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

const schema = 'https://vega.github.io/schema/vega-lite/v6.json';

/** Accuracy of a model on one set, and what it takes. */
export interface SizedAccuracy {
  set: string;
  model: string;
  parameters: number;
  pcc: number;
  /** 95 % of the bootstrap. */
  low: number;
  high: number;
}

/** Accuracy over size as SVG, a panel for each set. */
export function sizePlot(values: readonly SizedAccuracy[]): Promise<string> {
  const x = {
    field: 'parameters',
    type: 'quantitative' as const,
    scale: { type: 'log' as const },
    title: 'parameters',
  };
  return svg({
    $schema: schema,
    data: { values: [...values] },
    facet: { field: 'set', type: 'nominal', title: null },
    columns: 3,
    spec: {
      ...{ width: 220, height: 180 },
      layer: [
        {
          mark: { type: 'rule', color: '#888' },
          encoding: {
            x,
            y: { field: 'low', type: 'quantitative', scale: { zero: false }, title: 'PCC' },
            y2: { field: 'high' },
          },
        },
        {
          mark: { type: 'point', filled: true, size: 50 },
          encoding: { x, y: { field: 'pcc', type: 'quantitative' }, color: { field: 'model', type: 'nominal' } },
        },
      ],
    },
  });
}

/** Scores over ratings as SVG, a panel for each scorer. */
export function scatterPlot(
  reference: string,
  values: readonly { scorer: string; rating: number; score: number }[],
): Promise<string> {
  const axis = { type: 'quantitative' as const, scale: { domain: [1, 5] } };
  return svg({
    $schema: schema,
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
  });
}

async function svg(spec: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
