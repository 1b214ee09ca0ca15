import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

const schema = 'https://vega.github.io/schema/vega-lite/v6.json';

/** A figure of a scorer on one set, and what the scorer takes. */
export interface SizedFigure {
  set: string;
  measure: 'PCC' | 'RMSE';
  value: number;
  /** 95 % of the bootstrap. */
  low: number;
  high: number;
  scorer: string;
  /** Absent: a teacher, a level for all sizes. */
  takes?: {
    /** How its weights were made. */
    made: string;
    parameters: number;
    /** Of one core, at one score per second. */
    msPerAudioSecond: number;
  };
}

/** Accuracy over what models take, as SVG: a column for each set, a row for each measure, dashed lines for teachers. */
export function sizePlot(figures: readonly SizedFigure[], over: 'parameters' | 'msPerAudioSecond'): Promise<string> {
  const title = over === 'parameters' ? 'parameters' : 'ms of CPU per second of audio';
  const x = {
    field: over,
    type: 'quantitative' as const,
    scale: { type: 'log' as const, nice: false, padding: 12 },
    title,
  };
  const y = (field: string) => ({ field, type: 'quantitative' as const, scale: { zero: false }, title: null });
  const filter = (test: string) => [{ filter: `${test}isValid(datum.${over})` }];
  return svg({
    $schema: schema,
    data: { values: figures.map(({ takes, ...figure }) => ({ ...figure, ...takes })) },
    facet: {
      row: { field: 'measure', type: 'nominal', title: null },
      column: { field: 'set', type: 'nominal', title: null, sort: null },
    },
    resolve: { scale: { y: 'independent' } },
    spec: {
      ...{ width: 190, height: 160 },
      layer: [
        {
          transform: filter(''),
          mark: { type: 'rule', color: '#bbb' },
          encoding: { x, y: y('low'), y2: { field: 'high' } },
        },
        {
          transform: filter(''),
          mark: { type: 'point', filled: true, size: 60, opacity: 0.9 },
          encoding: {
            ...{ x, y: y('value') },
            color: { field: 'scorer', type: 'nominal', title: 'model', sort: null },
            shape: { field: 'made', type: 'nominal', title: 'made' },
          },
        },
        {
          transform: filter('!'),
          mark: { type: 'rule', strokeDash: [4, 4] },
          encoding: { y: y('value'), color: { field: 'scorer', type: 'nominal' } },
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
    title: `against ${reference}`,
    data: { values: [...values] },
    facet: { field: 'scorer', type: 'nominal', title: null },
    columns: 3,
    spec: {
      ...{ width: 220, height: 220 },
      layer: [
        {
          mark: { type: 'circle', size: 14, opacity: 0.5 },
          encoding: {
            x: { field: 'rating', title: 'rating', ...axis },
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
