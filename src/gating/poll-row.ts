import { type PollField, pollFields } from '../native/contract.ts';

/** One row of the engine's table, by name. */
export type PollRow = Readonly<Record<PollField, number>>;

/** Reads row `index` of a table that `poll` filled. */
export function readPollRow(table: Float64Array, index: number): PollRow {
  const row: Partial<Record<PollField, number>> = {};
  let at = index * pollFields.length;
  for (const field of pollFields) row[field] = table[at++] as number;
  return row as PollRow;
}
