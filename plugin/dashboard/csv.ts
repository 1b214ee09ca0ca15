import type { HistoryPart } from './history.ts';

export interface CsvSource {
  /** As shown. */
  readonly name: string;
  readonly producerId: string;
  readonly parts: readonly HistoryPart[];
}

const columns = ['time', 'participant', 'producerId', 'mosLqo', 'lower', 'upper', 'mosCqe', 'noScoreReason'] as const;

/**
 * Curves as CSV (RFC 4180): a row for each score, and one for each span without, at its start. Times are ISO 8601 in UTC,
 * scores MOS.
 */
export function csvOf(sources: readonly CsvSource[]): string {
  const rows: string[][] = [[...columns]];
  for (const { name, producerId, parts } of sources) {
    for (const part of parts) {
      if (part.type === 'noscore') {
        rows.push([isoTime(part.fromMs), name, producerId, '', '', '', '', part.reason]);
        continue;
      }
      for (const { atMs, mosLqo, lower, upper, mosCqe } of part.points) {
        const values = [mosLqo, lower, upper, mosCqe].map((mos) => mos.toFixed(2));
        rows.push([isoTime(atMs), name, producerId, ...values, '']);
      }
    }
  }
  return rows.map((row) => `${row.map(field).join(',')}\r\n`).join('');
}

const isoTime = (unixMs: number): string => new Date(Math.round(unixMs)).toISOString();

/** Quoted where needed. Spreadsheets run what begins with one of = + - @ as a formula: an apostrophe keeps it text. */
function field(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
