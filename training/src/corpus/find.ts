import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { parse } from 'csv-parse/sync';
import { TrainingError } from '../run/errors.ts';
import type { Kind, Recording } from './manifest.ts';

/** A recording that was found but not decoded yet. */
export type FoundRecording = Omit<Recording, 'split' | 'seconds' | 'peak'>;

const audioFile = /\.(wav|flac|mp3|ogg|opus|m4a|aac|aiff?|au|webm)$/i;

/** All audio files below a folder; the speaker is the name of the folder a file lies in. */
export function findInFolder(folder: string, kind: Kind): FoundRecording[] {
  const root = resolve(folder);
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
    throw new TrainingError('invalid-input', `${folder} is not a folder`);
  }
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && audioFile.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
    .map((path) => ({ id: idOf(root, path), path, kind, ...speakerOf(kind, idOf(root, dirname(path)) || '.') }));
}

/** Values of the `kind` column of a CSV. */
const kindWords: Record<string, Kind> = { speech: 'speech', clean: 'speech', wild: 'wild', noise: 'noise', rir: 'rir' };

/**
 * The recordings that a CSV file lists: columns `file` (relative to the CSV) and `kind`, optionally `speaker`, `lang`,
 * `licence`, `source`.
 */
export function findInCsv(csvPath: string): FoundRecording[] {
  const root = dirname(resolve(csvPath));
  let rows: Record<string, string>[];
  try {
    rows = parse(readFileSync(csvPath), { columns: true, bom: true, trim: true });
  } catch (cause) {
    throw new TrainingError('invalid-input', `${csvPath}: ${(cause as Error).message}`, { cause });
  }
  return rows.map((row, index) => {
    const kind = kindWords[row.kind ?? ''];
    if (!row.file || !kind) {
      const wanted = `a file and one of the kinds ${Object.keys(kindWords).join(', ')}`;
      throw new TrainingError('invalid-input', `${csvPath}: row ${index + 2} needs ${wanted}`);
    }
    const path = resolve(root, row.file);
    return {
      id: idOf(root, path),
      path,
      kind,
      ...speakerOf(kind, row.speaker || idOf(root, dirname(path))),
      ...(row.lang ? { language: row.lang } : {}),
      ...(row.licence ? { licence: row.licence } : {}),
      ...(row.source ? { source: row.source } : {}),
    };
  });
}

function idOf(root: string, path: string): string {
  return relative(root, path).split(sep).join('/');
}

function speakerOf(kind: Kind, speaker: string): { speaker?: string } {
  return kind === 'speech' || kind === 'wild' ? { speaker } : {};
}
