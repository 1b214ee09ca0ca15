// A process that labels shards as it is told: of `teach` on this machine, or of a worker on the queue.
import { readPcm, readReferences, readTruths } from '../degrade/shard.ts';
import { serveTasks } from '../run/workers.ts';
import type { Ensemble } from './description.ts';
import { type ClipLabel, readLabels } from './labels.ts';
import { TeacherEnsemble } from './teacher.ts';

export interface WorkerSetup {
  ensemble: Ensemble;
  threads: number;
  /** Where the clips' shards are. */
  shards: string;
  /** Labels of the same clips that hold the scores of some of the teachers. */
  known?: { folder: string; teachers: readonly string[] };
}

export interface LabelTask {
  /** Number of the shard. */
  number: number;
}

/** Less speech than this has no label, frames (1 s). */
const fewestFrames = 100;

serveTasks<WorkerSetup, LabelTask, ClipLabel[]>(async ({ ensemble: description, threads, shards, known }) => {
  const ensemble = await TeacherEnsemble.load(description, { threads, ...(known ? { known: known.teachers } : {}) });
  return async ({ number }, part) => {
    const pcm = readPcm(shards, number);
    const references = readReferences(shards, number);
    const before = known ? readLabels(known.folder, number) : [];
    const labels: ClipLabel[] = [];
    for (const [place, { index, content, frames }] of readTruths(shards, number).entries()) {
      const meaningful = (content === 'speech' || content === 'wild') && frames >= fewestFrames;
      const scored = meaningful
        ? await ensemble.score(pcm[place] as Float32Array, references[place], before[place])
        : { mos: null, teachers: {} };
      labels.push({ index, ...scored });
      part();
    }
    return labels;
  };
});
