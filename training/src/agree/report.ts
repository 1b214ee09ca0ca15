import { figuresOf } from './lines.ts';
import type { Agreement } from './result.ts';

/** An agreement as Markdown. */
export function agreementReport({ talkers, conditions, leftOut, points }: Agreement): string {
  const scorers = [...new Set(conditions.flatMap(({ scores }) => Object.keys(scores)))];
  const figures = scorers.map((scorer) => figuresOf(conditions, scorer));
  const groups = figures[0]?.map(({ group, n }) => ({ group, n })) ?? [];
  const groupRows = groups.map(({ group, n }, row) => [
    group,
    String(n),
    ...figures.map((own) => {
      const figure = own[row];
      return n < 3 ? '–' : `${number(figure?.pcc)}, ${number(figure?.rmse)}`;
    }),
  ]);
  const conditionRows = conditions.map(({ experiment, processing, mos, scores }) => [
    experiment,
    processing,
    number(mos),
    ...scorers.map((scorer) => number(scores[scorer])),
  ]);
  const sweeps = [...new Set(points.map(({ sweep }) => sweep))].map((sweep) => {
    const own = points.filter((point) => point.sweep === sweep);
    const columns = [...new Set(own.flatMap(({ scores }) => Object.keys(scores)))];
    const rows = own.map(({ strength, scores }) => [String(strength), ...columns.map((name) => number(scores[name]))]);
    return `### ${sweep}\n\n${table([own[0]?.axis ?? '', ...columns], rows)}`;
  });
  return [
    '# Agreement with listeners',
    `Speech of ${talkers.length} talkers. Scores are of the live path, means over the talkers.`,
    "## Listeners' conditions, made again",
    'PCC, RMSE over conditions, after one straight line per experiment from scores to MOS. The listeners heard other talkers.',
    table(['conditions', 'n', ...scorers], groupRows),
    '![scores over the MOS of listeners](plots/conditions.svg)',
    table(['experiment', 'condition', 'MOS', ...scorers], conditionRows),
    `Left out, as they cannot be made here or their description is that of another one: ${leftOut.length} of ${leftOut.length + conditions.length}.`,
    '## Sweeps',
    'One impairment each, over Opus at 32 kbit/s.',
    '![scores over the strength of an impairment](plots/sweeps.svg)',
    ...sweeps,
    '',
  ].join('\n\n');
}

const number = (value: number | undefined) => (value === undefined || Number.isNaN(value) ? '–' : value.toFixed(2));

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
