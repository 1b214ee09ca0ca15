import { stringify } from '../packages/csv.ts';
import { Table } from '../packages/table.ts';
import type { FileResult } from './score-files.ts';
import type { RecordingScore } from './score-recording.ts';
import { sparkline } from './sparkline.ts';

export const formats = ['table', 'csv', 'json'] as const;
export type Format = (typeof formats)[number];

type Scored = Extract<FileResult, { score: RecordingScore }>;

export const isScored = (result: FileResult): result is Scored => 'score' in result;

/** Titles of results: the file, and its channel where several were scored. */
export function titlesOf(results: readonly FileResult[]): (result: Scored) => string {
  const counts = new Map<string, number>();
  for (const { file } of results) counts.set(file, (counts.get(file) ?? 0) + 1);
  return ({ file, channel }) => ((counts.get(file) ?? 0) > 1 ? `${file}, channel ${channel}` : file);
}

const shown = (mos: number | undefined) => mos?.toFixed(2) ?? '';
const rounded = (mos: number | undefined) => (mos === undefined ? '' : Math.round(mos * 1000) / 1000);

/** Numbers of JSON to three decimals. */
const roundedValue = (_key: string, value: unknown) =>
  typeof value === 'number' ? Math.round(value * 1000) / 1000 : value;

/** The reason that held longest. */
function mainReason({ report }: RecordingScore): string {
  const [first] = Object.entries(report.noScoreMs).sort(([, a], [, b]) => b - a);
  return first?.[0] ?? '';
}

function table(results: readonly FileResult[], columns: number): string {
  const sparkWidth = Math.max(10, Math.min(60, columns - 70));
  const lines = new Table({
    head: ['file', 'length', 'MOS', 'lowest', 'scores', 'curve'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'left'],
    style: { head: [], border: [], compact: true },
  });
  const titleOf = titlesOf(results);
  for (const result of results.filter(isScored)) {
    const { seconds, report, curve } = result.score;
    const { mosLqo, lowestMosLqo, scores } = report;
    const drawn = scores > 0 ? sparkline(curve, sparkWidth) : `no score: ${mainReason(result.score)}`;
    lines.push([titleOf(result), `${seconds.toFixed(1)} s`, shown(mosLqo), shown(lowestMosLqo), String(scores), drawn]);
  }
  return lines.toString();
}

function curveTable(results: readonly FileResult[]): string {
  const titleOf = titlesOf(results);
  const parts = results.filter(isScored).map((result) => {
    const lines = new Table({
      head: ['second', 'MOS', 'interval', ''],
      style: { head: [], border: [], compact: true },
    });
    for (const { second, mosLqo, lower, upper, reason } of result.score.curve) {
      lines.push([String(second), shown(mosLqo), mosLqo ? `${shown(lower)} to ${shown(upper)}` : '', reason ?? '']);
    }
    return `${titleOf(result)}\n${lines.toString()}`;
  });
  return parts.join('\n\n');
}

function csv(results: readonly FileResult[]): string {
  const rows = results.map((result) => {
    if (!isScored(result)) return { file: result.file, fault: result.fault };
    const { seconds, report } = result.score;
    return {
      file: result.file,
      channel: result.channel,
      seconds: rounded(seconds),
      mosLqo: rounded(report.mosLqo),
      meanMosLqo: rounded(report.meanMosLqo),
      lowestMosLqo: rounded(report.lowestMosLqo),
      scores: report.scores,
      reason: report.scores === 0 ? mainReason(result.score) : '',
    };
  });
  const columns = ['file', 'channel', 'seconds', 'mosLqo', 'meanMosLqo', 'lowestMosLqo', 'scores', 'reason', 'fault'];
  return stringify(rows, { header: true, columns });
}

function curveCsv(results: readonly FileResult[]): string {
  const rows = results.filter(isScored).flatMap(({ file, channel, score }) =>
    score.curve.map(({ second, mosLqo, lower, upper, reason }) => ({
      file,
      channel,
      second,
      mosLqo: rounded(mosLqo),
      lower: rounded(lower),
      upper: rounded(upper),
      reason,
    })),
  );
  return stringify(rows, {
    header: true,
    columns: ['file', 'channel', 'second', 'mosLqo', 'lower', 'upper', 'reason'],
  });
}

/**
 * Results as text.
 *
 * @param curve - second by second; JSON has it always
 * @param columns - width of the terminal, characters
 */
export function formatResults(format: Format, results: readonly FileResult[], curve: boolean, columns: number): string {
  if (format === 'json') {
    const files = results.map((result) => {
      if (!isScored(result)) return result;
      const { file, channel, score } = result;
      return { file, channel, ...score };
    });
    return `${JSON.stringify(files, roundedValue, 2)}\n`;
  }
  if (format === 'csv') return curve ? curveCsv(results) : csv(results);
  return `${curve ? curveTable(results) : table(results, columns)}\n`;
}
