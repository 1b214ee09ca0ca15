import { readFileSync } from 'node:fs';
import { basename, dirname, extname, resolve } from 'node:path';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { TrainingError } from '../run/errors.ts';

/** One audio file that people rated. */
export interface Rating {
  /** Absolute. */
  path: string;
  /** Mean opinion score, 1 to 5. */
  mos: number;
  /** How many votes it is the mean of, where known. */
  votes?: number;
  /** Ratings of one data set come from one experiment, or from experiments with one scale. */
  dataset: string;
  speaker?: string;
}

const rowSchema = z.object({
  file: z.string().min(1),
  mos: z.coerce.number().min(1).max(5),
  votes: z.coerce.number().positive().optional(),
  dataset: z.string().min(1).optional(),
  speaker: z.string().min(1).optional(),
});

/**
 * Reads a manifest of rated files, CSV or JSONL: `file` (relative to the manifest) and `mos`, optionally `votes`, `dataset`
 * (default: the manifest's name) and `speaker`. Other columns are left alone.
 *
 * @throws {TrainingError} invalid-input, naming the row and what is wrong with it
 */
export function readRatings(manifest: string): Rating[] {
  const fault = (what: string, cause?: unknown) =>
    new TrainingError('invalid-input', `${manifest}: ${what}`, { cause });
  const rows = readRows(manifest, fault);
  if (rows.length === 0) throw fault('has no ratings');
  return rows.map(({ place, row }) => {
    const checked = rowSchema.safeParse(row);
    if (!checked.success) {
      const faults = checked.error.issues.map(({ path, message }) => `${path.join('.') || 'row'}: ${message}`);
      throw fault(`${place}: ${faults.join('; ')}`);
    }
    const { file, mos, votes, speaker, dataset = basename(manifest, extname(manifest)) } = checked.data;
    return {
      path: resolve(dirname(manifest), file),
      mos,
      dataset,
      ...(votes === undefined ? {} : { votes }),
      ...(speaker === undefined ? {} : { speaker }),
    };
  });
}

function readRows(manifest: string, fault: (what: string, cause?: unknown) => TrainingError) {
  let text: string;
  try {
    text = readFileSync(manifest, 'utf8');
  } catch (cause) {
    throw fault('cannot be read', cause);
  }
  if (extname(manifest) === '.jsonl') {
    const lines = text.split('\n').map((line, index) => ({ line, place: `line ${index + 1}` }));
    return lines
      .filter(({ line }) => line.trim() !== '')
      .map(({ line, place }) => {
        try {
          return { place, row: JSON.parse(line) as unknown };
        } catch (cause) {
          throw fault(`${place}: not JSON`, cause);
        }
      });
  }
  try {
    const rows = parse(text, { columns: true, bom: true, trim: true, skip_empty_lines: true }) as Record<
      string,
      string
    >[];
    // What is empty is not there.
    const filled = (row: Record<string, string>) =>
      Object.fromEntries(Object.entries(row).filter(([, value]) => value));
    return rows.map((row, index) => ({ place: `row ${index + 2}`, row: filled(row) as unknown }));
  } catch (cause) {
    throw fault((cause as Error).message, cause);
  }
}

/**
 * Makes sure that nobody is heard in both.
 *
 * @throws {TrainingError} invalid-input, naming the first file or speaker that is
 */
export function checkApart(training: readonly Rating[], validation: readonly Rating[]): void {
  for (const key of ['path', 'speaker'] as const) {
    const known = new Set(training.map((rating) => rating[key]));
    const shared = validation.map((rating) => rating[key]).find((value) => value !== undefined && known.has(value));
    if (shared !== undefined) {
      const what = key === 'path' ? 'file' : key;
      throw new TrainingError('invalid-input', `${what} ${shared} is rated for training and for validation`);
    }
  }
}

/** Weight of a rating in a mean, 0 to 1. */
export function weightOf({ votes }: Pick<Rating, 'votes'>, votesAtHalfWeight: number): number {
  return votes === undefined ? 1 : votes / (votes + votesAtHalfWeight);
}
