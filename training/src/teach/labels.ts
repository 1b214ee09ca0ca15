import { join } from 'node:path';
import { z } from 'zod';
import { readJsonLines, writeJsonLines } from '../run/files.ts';

/** What the teachers say of a clip: one line of a label file. The files are numbered as the shards of the clips. */
export interface ClipLabel {
  /** Number of the clip in its `degrade` run. */
  index: number;
  /** Weighted mean of the teachers; null where a MOS means nothing: no speech, or less than a second of it. */
  mos: number | null;
  /** Each teacher's own MOS, by name. */
  teachers: Record<string, number>;
  /** Where something happened to the clip in time: each teacher's MOS before that, and the full-reference metric between. */
  inTime?: InTime;
}

export interface InTime {
  before: Record<string, number>;
  metric: number;
}

/** The labels of a shard as another process told them. */
export const labelsSchema = z.array(
  z.strictObject({
    index: z.number().int().min(0),
    mos: z.number().nullable(),
    teachers: z.record(z.string(), z.number()),
    inTime: z.strictObject({ before: z.record(z.string(), z.number()), metric: z.number() }).optional(),
  }),
);

/** The labels of one shard, in the order of its clips. `folder`: that of the `teach` run. A shard not yet labelled has none. */
export function readLabels(folder: string, shard: number): ClipLabel[] {
  return readJsonLines<ClipLabel>(labelFile(folder, shard));
}

export function writeLabels(folder: string, shard: number, labels: readonly ClipLabel[]): void {
  writeJsonLines(labelFile(folder, shard), labels);
}

export function labelFile(folder: string, shard: number): string {
  return join(folder, 'labels', `${String(shard).padStart(5, '0')}.jsonl`);
}
