// A process that makes shards as it is told.
import { loadNative } from '../../../src/engine/load.ts';
import type { Recording, Split } from '../corpus/manifest.ts';
import { serveTasks } from '../run/workers.ts';
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

serveTasks<WorkerSetup, ShardTask>(async ({ folder, ...setup }) => {
  const maker = new ClipMaker({ addon: loadNative(), ...setup });
  return async ({ number, first, count }, part) => {
    const clips: MadeClip[] = [];
    for (let index = first; index < first + count; index++) {
      clips.push(await maker.make(index));
      part();
    }
    writeShard(folder, number, clips);
  };
});
