import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { TrainingError } from './errors.ts';
import { writeAtomically } from './files.ts';
import { lock, unlock } from './lock.ts';
import { choosePackage } from './tensorflow-package.ts';

/** Contents of a run folder's `run.json`. */
export interface RunRecord {
  verb: string;
  seed: number;
  /** All that decides the outcome. */
  configuration: unknown;
  versions: Record<string, string>;
  startedAt: string;
  /** Set when the verb came to its end. */
  finishedAt?: string;
}

const lockFile = 'lock';

/**
 * A folder that holds one run of one verb: `run.json` and the verb's own files. Opening a folder that exists continues
 * its run, if verb, seed and configuration are the same. One process at a time may have it open.
 */
export class RunFolder {
  readonly path: string;
  #record: RunRecord;

  private constructor(path: string, record: RunRecord) {
    this.path = path;
    this.#record = record;
  }

  /** @throws {TrainingError} run-mismatch when the folder holds another run, or another process has it open */
  static open({ path, verb, seed, configuration }: OpenRunOptions): RunFolder {
    const wanted = JSON.parse(JSON.stringify({ verb, seed, configuration })) as OpenRunOptions;
    if (existsSync(join(path, 'run.json'))) {
      const record = RunFolder.read(path);
      const difference = firstDifference(
        { verb: record.verb, seed: record.seed, configuration: record.configuration },
        { verb: wanted.verb, seed: wanted.seed, configuration: wanted.configuration },
      );
      if (difference)
        throw new TrainingError('run-mismatch', `${path} holds another run: ${difference}; give another --out`);
      lock(join(path, lockFile));
      return new RunFolder(path, record);
    }
    mkdirSync(path, { recursive: true });
    lock(join(path, lockFile));
    const folder = new RunFolder(path, { ...wanted, versions: versions(), startedAt: new Date().toISOString() });
    folder.#write();
    return folder;
  }

  /** The record of a run that another verb made. */
  static read(path: string, verb?: string): RunRecord {
    const file = join(path, 'run.json');
    if (!existsSync(file)) throw new TrainingError('invalid-input', `${path} is not a run folder: it has no run.json`);
    const record = JSON.parse(readFileSync(file, 'utf8')) as RunRecord;
    if (verb && record.verb !== verb) {
      throw new TrainingError('invalid-input', `${path} was made by "${record.verb}", not by "${verb}"`);
    }
    return record;
  }

  get record(): Readonly<RunRecord> {
    return this.#record;
  }

  file(...names: string[]): string {
    return join(this.path, ...names);
  }

  finish(): void {
    this.#record = { ...this.#record, finishedAt: new Date().toISOString() };
    this.#write();
    unlock(this.file(lockFile));
  }

  #write(): void {
    writeAtomically(this.file('run.json'), `${JSON.stringify(this.#record, undefined, 2)}\n`);
  }
}

export interface OpenRunOptions {
  path: string;
  verb: string;
  seed: number;
  configuration: unknown;
}

/** Path of the first difference of two JSON values; undefined when they are equal. */
function firstDifference(before: unknown, now: unknown, path = ''): string | undefined {
  if (isDeepStrictEqual(before, now)) return undefined;
  if (isRecord(before) && isRecord(now)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
      const difference = firstDifference(before[key], now[key], path ? `${path}.${key}` : key);
      if (difference) return difference;
    }
  }
  return `${path} was ${JSON.stringify(before)}, is ${JSON.stringify(now)}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function versions(): Record<string, string> {
  const require = createRequire(import.meta.url);
  const tensorflow = choosePackage(process.env);
  const versionOf = (name: string) => (require(`${name}/package.json`) as { version: string }).version;
  return {
    node: process.versions.node,
    platform: `${platform()} ${arch()}`,
    'mediasoup-mos-training': (require('../../package.json') as { version: string }).version,
    [tensorflow]: versionOf(tensorflow),
    'onnxruntime-node': versionOf('onnxruntime-node'),
    commit: commit(),
  };
}

/** The commit of this checkout, with "+" when files differ from it; "unknown" outside of one. */
function commit(): string {
  const git = (...parameters: string[]) =>
    execFileSync('git', parameters, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    return git('rev-parse', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+');
  } catch {
    return 'unknown';
  }
}
