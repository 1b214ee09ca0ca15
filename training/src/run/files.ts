import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { parse as parseYaml } from 'yaml';
import type { z } from 'zod';
import { TrainingError } from './errors.ts';

/** In hexadecimal digits. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Writes a file so that a kill leaves either the old or the new content. */
export function writeAtomically(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}

/** The records of a JSONL file; a file that does not exist has none. A last line without its newline (a kill) is left out. */
export function readJsonLines<T>(path: string): T[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.slice(0, -1).map((line, index) => {
    try {
      return JSON.parse(line) as T;
    } catch (cause) {
      throw new TrainingError('invalid-input', `${path}:${index + 1}: not JSON`, { cause });
    }
  });
}

export function writeJsonLines(path: string, records: readonly unknown[]): void {
  writeAtomically(path, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
}

type Cell = string | number | null;

/** Writes a table, one row a line, the first row's names as header. Text with commas, quotes or line ends is quoted, null is empty. */
export function writeCsv(path: string, rows: readonly Readonly<Record<string, Cell>>[]): void {
  const cell = (value: Cell) =>
    /[",\r\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : `${value ?? ''}`;
  const names = Object.keys(rows[0] ?? {});
  const lines = rows.map((row) => names.map((name) => cell(row[name] as Cell)).join(','));
  writeAtomically(path, `${[names.join(','), ...lines].join('\n')}\n`);
}

/** Appends records to a JSONL file, whole lines only; a line left half-written by a kill is cut off when it is opened. */
export class JsonLinesAppender {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    if (!existsSync(path)) return;
    const content = readFileSync(path);
    truncateSync(path, content.lastIndexOf(0x0a) + 1);
  }

  append(records: readonly unknown[]): void {
    appendFileSync(this.#path, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  }
}

/**
 * Reads a YAML or JSON file and checks it.
 *
 * @throws {TrainingError} invalid-input, naming the file and every wrong key
 */
export function readConfiguration<S extends z.ZodType>(path: string, schema: S): z.output<S> {
  return checkConfiguration(parseFile(path), schema, path);
}

/** Checks an already parsed configuration; `name` stands in the message. */
export function checkConfiguration<S extends z.ZodType>(value: unknown, schema: S, name: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => `  ${issue.path.join('.') || '(top)'}: ${issue.message}`);
  throw new TrainingError('invalid-input', `${name}:\n${faults.join('\n')}`);
}

/** Parses a YAML or JSON file. */
export function parseFile(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new TrainingError('invalid-input', `cannot read ${path}`, { cause });
  }
  try {
    return extname(path) === '.json' ? JSON.parse(text) : parseYaml(text);
  } catch (cause) {
    throw new TrainingError('invalid-input', `${path}: ${(cause as Error).message}`, { cause });
  }
}
