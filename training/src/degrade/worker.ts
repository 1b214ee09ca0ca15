import { parentPort, workerData } from 'node:worker_threads';
import { loadNative } from '../../../src/native/load.ts';
import type { Recording, Split } from '../corpus/manifest.ts';
import { ClipMaker, type MadeClip } from './clip-maker.ts';
import type { Recipe } from './recipe.ts';
import { writeShard } from './shard.ts';

/** What a worker is started with. */
export interface WorkerSetup {
  recordings: Recording[];
  recipe: Recipe;
  split: Split;
  seed: number;
  /** Where shards are written. */
  folder: string;
}

/** One shard to be made: clips from `first` on. */
export interface ShardTask {
  number: number;
  first: number;
  count: number;
}

/** Sent after each clip, and after the shard is on disk. */
export type WorkerReport = { clip: number } | { shard: number };

const { folder, ...setup } = workerData as WorkerSetup;
const maker = new ClipMaker({ addon: loadNative(), ...setup });

parentPort?.on('message', async ({ number, first, count }: ShardTask) => {
  const clips: MadeClip[] = [];
  for (let index = first; index < first + count; index++) {
    clips.push(await maker.make(index));
    parentPort?.postMessage({ clip: index } satisfies WorkerReport);
  }
  writeShard(folder, number, clips);
  parentPort?.postMessage({ shard: number } satisfies WorkerReport);
});
