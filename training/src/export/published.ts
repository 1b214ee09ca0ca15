import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { type ModelManifest, parseManifest } from '../../../src/model/manifest.ts';
import { TrainingError } from '../run/errors.ts';
import { parseFile, sha256 } from '../run/files.ts';

/** Whether a path is that of a model's manifest: a JSON file that names a form. */
export function isPublished(path: string): boolean {
  if (extname(path) !== '.json') return false;
  const content = parseFile(path);
  return typeof content === 'object' && content !== null && 'form' in content;
}

/** @throws {TrainingError} invalid-input, naming the file and every wrong field */
export function readPublished(path: string): ModelManifest {
  const text = bytesOf(path).toString('utf8');
  try {
    return parseManifest(text, path);
  } catch (cause) {
    throw new TrainingError('invalid-input', (cause as Error).message, { cause });
  }
}

const keptName = 'initial.json';

/** Copies the manifest of a run's initial model into the run folder: the file at its path may be replaced later. */
export function keepPublished(run: string, initial: string | undefined): void {
  if (initial !== undefined && isPublished(initial)) copyFileSync(initial, join(run, keptName));
}

/** The manifest that `keepPublished` copied, or else the file at the path itself. */
export function keptOr(run: string, initial: string): string {
  const kept = join(run, keptName);
  return existsSync(kept) ? kept : initial;
}

/** A graph in a file. */
export interface GraphFile {
  path: string;
  bytes: Uint8Array;
}

/**
 * A graph that a manifest names.
 *
 * @throws {TrainingError} invalid-input when it is not there, or another than the manifest was written for
 */
export function readGraphFile(
  manifestPath: string,
  { file, sha256: expected }: { file: string; sha256: string },
): GraphFile {
  const path = join(dirname(manifestPath), file);
  const bytes = bytesOf(path);
  const found = sha256(bytes);
  if (found === expected) return { path, bytes };
  throw new TrainingError('invalid-input', `${path}: sha256: expected ${expected} (${manifestPath}), got ${found}`);
}

function bytesOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new TrainingError('invalid-input', `cannot read ${path}`, { cause });
  }
}
