import { readFileSync } from 'node:fs';
import { basename, dirname, resolve, sep } from 'node:path';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { decodeFile } from '../audio/ffmpeg.ts';
import type { ClipTruth } from '../degrade/clip-maker.ts';
import { readRun } from '../degrade/degrade.ts';
import { frameValues, readFrames, readPcm, readTruths } from '../degrade/shard.ts';
import { causeOrder, fromRunLengths } from '../degrade/truth.ts';
import { TrainingError } from '../run/errors.ts';
import { readConfiguration } from '../run/files.ts';
import { RunFolder } from '../run/run-folder.ts';
import { readLabels } from '../teach/labels.ts';
import type { TeachConfiguration } from '../teach/teach.ts';
import { type Heard, hearFile } from './heard.ts';

/** A clip of a set: what is known of it. */
export interface RatedClip {
  name: string;
  /** Null where a MOS means nothing. */
  rating: number | null;
  condition?: string;
  /** What it has in common with others, in words: codecs, causes. A clip may be of several groups. */
  groups?: readonly string[];
  ci95?: number;
  /** In each frame: 1 where somebody speaks. */
  speech?: Uint8Array;
  /** 0 or 1, in the order of the students' output. */
  causes?: number[];
  /** What others say of it, by name. */
  others: Record<string, number>;
  /** Of the noise that was added, dB; infinite without. Absent where it is not known. */
  snrDb?: number;
  hear: () => Promise<Heard & { samples?: Float32Array }>;
  /** The samples, 16 kHz, -1 to 1, for models that hear a waveform. */
  waveform: () => Promise<Float32Array>;
}

export interface RatedSet {
  name: string;
  /** Whose ratings they are. */
  reference: string;
  clips: RatedClip[];
}

const rated = z.strictObject({
  name: z.string().min(1),
  /** Table of clips, relative to this file: a column `file`, relative to the table, and those named here. */
  csv: z.string(),
  /** Column of the ratings, and whose they are. */
  rating: z.string(),
  reference: z.string(),
  condition: z.string().optional(),
  /** Column of half the 95 % confidence interval of a rating; or columns of the votes' standard deviation and number. */
  ci95: z.string().optional(),
  deviation: z.string().optional(),
  votes: z.string().optional(),
  /** Columns of what others say: name in the report to column. */
  others: z.record(z.string(), z.string()).default({}),
});

/** A file that lists sets of rated audio files. */
export const ratedSetsSchema = z.strictObject({ sets: z.array(rated).min(1) });

export function readRatedSets(path: string): RatedSet[] {
  const { sets } = readConfiguration(path, ratedSetsSchema);
  return sets.map((set) => ({
    name: set.name,
    reference: set.reference,
    clips: csvClips(resolve(dirname(path), set.csv), set),
  }));
}

function csvClips(path: string, set: z.output<typeof rated>): RatedClip[] {
  let rows: Record<string, string>[];
  try {
    rows = parse(readFileSync(path), { columns: true, bom: true, trim: true });
  } catch (cause) {
    throw new TrainingError('invalid-input', `${path}: ${(cause as Error).message}`, { cause });
  }
  return rows.map((row, index) => {
    const text = (column: string) => {
      const value = row[column];
      if (!value) throw new TrainingError('invalid-input', `${path}: row ${index + 2} has no ${column}`);
      return value;
    };
    const number = (column: string) => {
      const value = Number(text(column));
      if (!Number.isFinite(value))
        throw new TrainingError('invalid-input', `${path}: row ${index + 2}: ${column} is no number`);
      return value;
    };
    const ci95 = set.ci95
      ? number(set.ci95)
      : set.deviation && set.votes
        ? (1.96 * number(set.deviation)) / Math.sqrt(number(set.votes))
        : undefined;
    const file = resolve(dirname(path), text('file'));
    return {
      name: text('file'),
      rating: number(set.rating),
      ...(set.condition ? { condition: text(set.condition) } : {}),
      ...(ci95 === undefined ? {} : { ci95 }),
      others: Object.fromEntries(Object.entries(set.others).map(([name, column]) => [name, number(column)])),
      hear: () => hearFile(file),
      waveform: () => decodeFile(file),
    };
  });
}

/** Runs of `teach` as sets, named by their folders: by as many of each path as tells them apart. */
export function taughtSets(paths: readonly string[]): RatedSet[] {
  const ends = (path: string, parts: number) => resolve(path).split(sep).slice(-parts).join('/');
  return paths.map((path) => {
    let parts = 1;
    while (paths.some((other) => resolve(other) !== resolve(path) && ends(other, parts) === ends(path, parts))) parts++;
    return { ...taughtSet(path), name: ends(path, parts) };
  });
}

/** A run of `teach` as a set: simulated clips, rated by teachers, with the truth of the simulation. */
export function taughtSet(path: string): RatedSet {
  const { configuration } = RunFolder.read(path, 'teach');
  const { clips: degraded, ensemble } = configuration as TeachConfiguration;
  const { folder, tasks } = readRun(degraded);
  // Clips are heard in order: the frames of one shard at a time are kept.
  let kept: { number: number; frames: ReturnType<typeof readFrames> } | undefined;
  let keptPcm: { number: number; pcm: Float32Array[] } | undefined;
  const clips = tasks.flatMap(({ number }) => {
    const labels = readLabels(path, number);
    return readTruths(folder, number).map((truth, index): RatedClip => {
      const label = labels[index];
      if (label?.index !== truth.index)
        throw new TrainingError('invalid-input', `${path}: shard ${number} has other clips than ${folder}`);
      const { causes, speech, applied, content, leg } = truth;
      const noise = applied.find((step) => step.step === 'noise');
      const present = causes ? causeOrder.filter((cause) => causes[cause] === 1) : [];
      return {
        name: `${basename(degraded)}/${truth.index}`,
        rating: label.mos,
        condition: content !== 'speech' ? content : present.join('+') || 'clean',
        groups: groupsOf({ content, applied, leg, present }),
        others: label.teachers,
        ...(speech ? { speech: fromRunLengths(speech) } : {}),
        ...(causes
          ? {
              causes: causeOrder.map((cause) => causes[cause]),
              snrDb: noise ? Number(noise.snrDb) : Number.POSITIVE_INFINITY,
            }
          : {}),
        hear: async () => {
          if (kept?.number !== number) kept = { number, frames: readFrames(folder, number) };
          const { logMel, peaks } = kept.frames[index] as (typeof kept.frames)[number];
          return { logMel: frameValues(logMel), peaks };
        },
        waveform: async () => {
          if (keptPcm?.number !== number) keptPcm = { number, pcm: readPcm(folder, number) };
          return keptPcm.pcm[index] as Float32Array;
        },
      };
    });
  });
  return { name: basename(path), reference: ensemble, clips };
}

/** Each codec that a clip went through, the last leg to the server, and what can be heard. */
function groupsOf({
  content,
  applied,
  leg,
  present,
}: Pick<ClipTruth, 'content' | 'applied' | 'leg'> & { present: readonly string[] }): string[] {
  const codecs = applied.flatMap((step) => (step.step === 'codec' ? [`codec ${step.name}`] : []));
  const heard = content === 'speech' ? (present.length > 0 ? present : ['clean']) : [content];
  return [...new Set([...codecs, `leg ${leg.codec}`, ...heard])];
}
