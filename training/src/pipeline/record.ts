import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 as sha256Of } from '../run/files.ts';
import { RunFolder } from '../run/run-folder.ts';

/** Outputs of a verb that its seed decides to the byte: files and folders in its run folder, by the ends of their paths. */
const outcomes: Record<string, readonly string[]> = {
  degrade: ['shards'],
  teach: ['labels'],
  teacher: ['teacher.safetensors'],
  distill: ['student.safetensors'],
  prune: ['student.safetensors', 'distill-mos.safetensors'],
  export: ['.onnx'],
  quantize: ['.onnx', 'scores.csv'],
  evaluate: ['scores.csv'],
};

/** One step of a run, as it was asked for and as it went. */
export interface StepRecord {
  verb: string;
  /** Run folder of the step, below that of the whole run. */
  out: string;
  seed: number;
  /** As the configuration has them: places are not filled in. */
  options: Readonly<Record<string, unknown>>;
  versions: Readonly<Record<string, string>>;
  startedAt: string;
  finishedAt: string;
  /** SHA-256 of the outputs, by file or folder: the same seed and versions give the same. */
  sha256: Readonly<Record<string, string>>;
}

/** The record of a finished step of the run in `folder`. */
export function recordOf(
  folder: string,
  { verb, out, options }: Pick<StepRecord, 'verb' | 'out' | 'options'>,
): StepRecord {
  const path = join(folder, out);
  const { seed, versions, startedAt, finishedAt = '' } = RunFolder.read(path, verb);
  const names = (readdirSync(path, { recursive: true }) as string[]).filter((name) =>
    outcomes[verb]?.some((end) => name.endsWith(end)),
  );
  const sha256 = Object.fromEntries(names.sort().map((name) => [name, digest(join(path, name))]));
  return { verb, out, seed, options, versions, startedAt, finishedAt, sha256 };
}

/** Of a folder: of the names in it, in order, and the digests of their contents. */
function digest(path: string): string {
  if (!statSync(path).isDirectory()) return sha256Of(readFileSync(path));
  const names = readdirSync(path).sort();
  return sha256Of(Buffer.from(names.map((name) => `${name}\n${digest(join(path, name))}\n`).join('')));
}
