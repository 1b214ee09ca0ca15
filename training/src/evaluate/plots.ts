import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

export const vegaSchema = 'https://vega.github.io/schema/vega-lite/v6.json';

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
    /** Its name; models of one name are one model, made again with other seeds. */
    model: string;
    /** How its weights were made. */
    made: string;
    parameters: number;
    /** Of one core, at one score per second. */
    msPerAudioSecond: number;
  };
}

/** So many models can be named in a plot and still be read. */
const mostNamed = 8;

/**
 * Accuracy over what models take, as SVG: a column for each set, a row for each measure. Each model is a point with its bootstrap; a line leads through
 * the means of what was made in the same way, in a band from the worst to the best seed. Dashed lines are teachers.
 */
export function sizePlot(figures: readonly SizedFigure[], over: 'parameters' | 'msPerAudioSecond'): Promise<string> {
  const title = over === 'parameters' ? 'parameters' : 'ms of CPU per second of audio';
  const x = (field: string) => ({
    ...{ field, type: 'quantitative' as const, title },
    scale: { type: 'log' as const, nice: false, padding: 12 },
  });
  const y = (field: string) => ({ field, type: 'quantitative' as const, scale: { zero: false }, title: null });
  const by = { field: 'by', type: 'nominal' as const, title: 'made', sort: null };
  const levels = [{ filter: `!isValid(datum.${over})` }];
  const models = [{ filter: `isValid(datum.${over})` }];
  const seeds = [
    ...models,
    {
      aggregate: [
        { op: 'mean' as const, field: over, as: 'size' },
        { op: 'mean' as const, field: 'value', as: 'mean' },
        { op: 'min' as const, field: 'value', as: 'least' },
        { op: 'max' as const, field: 'value', as: 'most' },
      ],
      groupby: ['set', 'measure', 'by', 'model'],
    },
  ];
  const names = new Set(figures.flatMap(({ takes }) => (takes ? [takes.model] : [])));
  const values = figures.map(({ takes, ...figure }) => ({ ...figure, by: takes?.made ?? figure.scorer, ...takes }));
  return svg({
    $schema: vegaSchema,
    data: { values },
    facet: {
      row: { field: 'measure', type: 'nominal', title: null },
      column: { field: 'set', type: 'nominal', title: null, sort: null },
    },
    resolve: { scale: { y: 'independent' } },
    spec: {
      ...{ width: 230, height: 190 },
      layer: [
        {
          transform: models,
          mark: { type: 'rule', color: '#ccc' },
          encoding: { x: x(over), y: y('low'), y2: { field: 'high' } },
        },
        {
          transform: seeds,
          mark: { type: 'area', opacity: 0.2 },
          encoding: { x: x('size'), y: y('least'), y2: { field: 'most' }, color: by },
        },
        { transform: seeds, mark: 'line', encoding: { x: x('size'), y: y('mean'), color: by } },
        {
          transform: models,
          mark: { type: 'point', filled: true, size: 30, opacity: 0.9 },
          encoding: { x: x(over), y: y('value'), color: by, shape: by },
        },
        ...(names.size <= mostNamed
          ? [
              {
                transform: seeds,
                mark: { type: 'text' as const, dy: -10, fontSize: 9 },
                encoding: { x: x('size'), y: y('mean'), text: { field: 'model' } },
              },
            ]
          : []),
        {
          transform: levels,
          mark: { type: 'rule', strokeDash: [4, 4] },
          encoding: { y: y('value'), color: by },
        },
        {
          transform: levels,
          mark: { type: 'text', align: 'left', dy: -5, fontSize: 9 },
          encoding: { x: { value: 4 }, y: y('value'), text: { field: 'scorer' } },
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
    $schema: vegaSchema,
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

export async function svg(spec: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
