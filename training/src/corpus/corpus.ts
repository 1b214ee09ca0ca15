import { statSync } from 'node:fs';
import { TrainingError } from '../run/errors.ts';
import { JsonLinesAppender, readJsonLines, writeJsonLines } from '../run/files.ts';
import { mapConcurrently } from '../run/pool.ts';
import { type Progress, silentProgress } from '../run/progress.ts';
import { RunFolder } from '../run/run-folder.ts';
import { type FoundRecording, findInCsv, findInFolder } from './find.ts';
import { readHeldOut, unknownNames } from './held-out.ts';
import type { Kind, Recording, Split } from './manifest.ts';
import { type Probe, probe } from './probe.ts';
import { type SplitShares, splitRecordings } from './split.ts';

export interface CorpusOptions {
  out: string;
  folders: readonly { path: string; kind: Kind }[];
  csvs?: readonly string[];
  /** Held-out lists: see readHeldOut. */
  heldOut?: readonly string[];
  /** Default: 5 % validation, 5 % test. */
  shares?: SplitShares;
  seed: number;
  /** Files decoded at once. Default 1. */
  workers?: number;
  progress?: Progress;
}

/** A recording that was left out, one line of `bad.jsonl`. */
export interface BadRecording extends FoundRecording {
  fault: string;
}

export interface CorpusSummary {
  recordings: number;
  bad: number;
  /** Speakers and files of the held-out lists that no recording has: perhaps misspelt. */
  unknownHeldOut: string[];
  /** Hours of each kind per split. */
  hours: Partial<Record<Kind, Partial<Record<Split, number>>>>;
}

/**
 * Makes a manifest of recordings: finds them, decodes each once, decides the splits. Files: `manifest.jsonl`,
 * `bad.jsonl` (recordings left out, with reasons), `probes.jsonl` (results of decoding; lets a killed run go on).
 */
export async function makeCorpus({
  out,
  folders,
  csvs = [],
  heldOut = [],
  shares = { validation: 0.05, test: 0.05 },
  seed,
  workers = 1,
  progress = silentProgress,
}: CorpusOptions): Promise<CorpusSummary> {
  checkShares(shares);
  const run = RunFolder.open({ path: out, verb: 'corpus', seed, configuration: { folders, csvs, heldOut, shares } });
  const found = [...folders.flatMap(({ path, kind }) => findInFolder(path, kind)), ...csvs.flatMap(findInCsv)];
  if (found.length === 0) throw new TrainingError('invalid-input', 'no audio files found');
  checkUnique(found);
  const probes = await probeAll(run, found, workers, progress);
  const never = readHeldOut(heldOut);
  const split = splitRecordings(found, { shares, heldOut: never, seed });
  const good: Recording[] = [];
  const bad: BadRecording[] = [];
  for (const [index, recording] of split.entries()) {
    const heard = probes[index] as Probe;
    if ('fault' in heard) bad.push({ ...(found[index] as FoundRecording), fault: heard.fault });
    else good.push({ ...recording, ...heard });
  }
  writeJsonLines(run.file('manifest.jsonl'), good);
  writeJsonLines(run.file('bad.jsonl'), bad);
  run.finish();
  const unknownHeldOut = unknownNames(never, found);
  return { recordings: good.length, bad: bad.length, unknownHeldOut, hours: hoursOf(good) };
}

interface ProbeRecord {
  path: string;
  /** Size in bytes and time of the last change: the file is decoded again when one differs. */
  bytes: number;
  changedMs: number;
  probe: Probe;
}

async function probeAll(run: RunFolder, found: readonly FoundRecording[], workers: number, progress: Progress) {
  const file = run.file('probes.jsonl');
  const known = new Map(readJsonLines<ProbeRecord>(file).map((record) => [record.path, record]));
  const appender = new JsonLinesAppender(file);
  const current = ({ path }: FoundRecording) => {
    const stats = statSync(path, { throwIfNoEntry: false });
    const record = known.get(path);
    const same = record && stats && record.bytes === stats.size && record.changedMs === stats.mtimeMs;
    return { stats, probe: same ? record.probe : undefined };
  };
  progress.start(found.length);
  const probes = await mapConcurrently(found, workers, async (recording): Promise<Probe> => {
    const { stats, probe: remembered } = current(recording);
    if (!stats) return { fault: 'does not exist' };
    const heard = remembered ?? (await probe(recording.path));
    const record: ProbeRecord = { path: recording.path, bytes: stats.size, changedMs: stats.mtimeMs, probe: heard };
    if (!remembered) appender.append([record]);
    progress.advance();
    return heard;
  });
  progress.stop();
  return probes;
}

function checkShares({ validation, test }: SplitShares): void {
  for (const [name, share] of Object.entries({ validation, test })) {
    if (!(share >= 0 && share < 1)) throw new RangeError(`shares.${name} must be at least 0 and below 1: ${share}`);
  }
  if (validation + test >= 1) throw new RangeError(`shares leave nothing to train on: ${validation} + ${test}`);
}

function checkUnique(found: readonly FoundRecording[]): void {
  const seen = new Map<string, string>();
  for (const { id, path } of found) {
    const other = seen.get(id);
    if (other !== undefined)
      throw new TrainingError('invalid-input', `two recordings are called ${id}: ${other} and ${path}`);
    seen.set(id, path);
  }
}

function hoursOf(recordings: readonly Recording[]): CorpusSummary['hours'] {
  const hours: CorpusSummary['hours'] = {};
  for (const { kind, split, seconds } of recordings) {
    const ofKind = hours[kind] ?? {};
    ofKind[split] = (ofKind[split] ?? 0) + seconds / 3600;
    hours[kind] = ofKind;
  }
  return hours;
}
