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

export type WorkerOrder = { setup: WorkerSetup } | { task: ShardTask };

/** Sent after each clip, after the shard is on disk, or when something went wrong. */
export type WorkerReport = { clip: number } | { shard: number } | { error: { code?: string; message: string } };

/** Runs in a process of its own: makes shards as it is told. */
let work: ((task: ShardTask) => Promise<void>) | undefined;

process.on('message', async (order: WorkerOrder) => {
  try {
    if ('setup' in order) work = worker(order.setup);
    else await work?.(order.task);
  } catch (error) {
    const { code, message, stack } = error as Error & { code?: string };
    report({ error: code ? { code, message } : { message: stack ?? message } });
  }
});

function worker({ folder, ...setup }: WorkerSetup): (task: ShardTask) => Promise<void> {
  const maker = new ClipMaker({ addon: loadNative(), ...setup });
  return async ({ number, first, count }) => {
    const clips: MadeClip[] = [];
    for (let index = first; index < first + count; index++) {
      clips.push(await maker.make(index));
      report({ clip: index });
    }
    writeShard(folder, number, clips);
    report({ shard: number });
  };
}

function report(message: WorkerReport): void {
  process.send?.(message);
}
