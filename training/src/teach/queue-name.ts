import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ensemble } from './description.ts';

/** A shard's task in the queue. */
export const taskId = (number: number) => `shard-${number}`;

/**
 * Name of the queue of the clips of one run and the teachers of one ensemble. It says what they are, not where: those who
 * have them at other paths meet, and those who have others do not.
 */
export function queueName(
  clips: string,
  { teachers, inTime }: Ensemble,
  networks: readonly { sha256: string }[],
): string {
  const hash = createHash('sha256').update(readFileSync(join(clips, 'run.json')));
  for (const [place, { description, weight }] of teachers.entries()) {
    const { path, file, package: _package, xlsR, ...rest } = description;
    const layers = xlsR && { layers: xlsR.layers, heads: xlsR.heads };
    hash.update(JSON.stringify([rest, layers ?? null, weight, networks[place]?.sha256]));
  }
  if (inTime) {
    const { metric, ...how } = inTime;
    hash.update(JSON.stringify(how)).update(readFileSync(metric.path));
  }
  return `mos-train-teach-${hash.digest('hex').slice(0, 16)}`;
}
