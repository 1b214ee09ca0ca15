import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readManifest, type Split, splits } from '../corpus/manifest.ts';
import { TrainingError } from '../run/errors.ts';
import { type Progress, silentProgress } from '../run/progress.ts';
import { RunFolder } from '../run/run-folder.ts';
import { runInWorkers } from '../run/workers.ts';
import { type Recipe, readRecipe } from './recipe.ts';
import { isShardFinished, readTruths } from './shard.ts';
import type { ShardTask, WorkerSetup } from './worker.ts';

export interface DegradeOptions {
  out: string;
  /** Run folder of `corpus`. */
  corpus: string;
  /** Recipe file. */
  recipe: string;
  /** Which recordings the clips are made of. */
  split: Split;
  clips: number;
  seed: number;
  /** Default 1. */
  workers?: number;
  /** Clips per shard. Default 100. Part of the run's configuration. */
  shardClips?: number;
  progress?: Progress;
}

/** What a `degrade` run says of itself in run.json. */
export interface DegradeConfiguration {
  corpus: string;
  recipe: Recipe;
  split: Split;
  clips: number;
  shardClips: number;
}

/**
 * Simulates calls: `clips` clips of the recordings of one split. The shards are the same whatever the number of workers
 * and however often the run was killed.
 */
export async function degrade({
  out,
  corpus,
  recipe: recipeFile,
  split,
  clips,
  seed,
  workers = 1,
  shardClips = 100,
  progress = silentProgress,
}: DegradeOptions): Promise<DegradeSummary> {
  if (!splits.includes(split)) throw new RangeError(`split must be one of ${splits.join(', ')}: ${split}`);
  if (!(Number.isSafeInteger(clips) && clips > 0))
    throw new RangeError(`clips must be a whole number above 0: ${clips}`);
  const recipe = readRecipe(recipeFile);
  const recordings = readManifest(corpus);
  const configuration: DegradeConfiguration = { corpus, recipe, split, clips, shardClips };
  const run = RunFolder.open({ path: out, verb: 'degrade', seed, configuration });
  const folder = run.file('shards');
  mkdirSync(folder, { recursive: true });
  const tasks = shardTasks(clips, shardClips);
  const open = tasks.filter(({ number }) => !isShardFinished(folder, number));
  progress.start(clips, clips - open.reduce((sum, { count }) => sum + count, 0));
  const setup: WorkerSetup = { recordings, recipe, split, seed, folder };
  await runInWorkers({ file: workerFile, setup, tasks: open, workers }, () => progress.advance());
  progress.stop();
  run.finish();
  return summarise(folder, tasks);
}

export interface DegradeSummary {
  clips: number;
  /** Hours that passed the talk gate. */
  hours: number;
  /** Clips per content, and per cause. */
  contents: Record<string, number>;
  causes: Record<string, number>;
}

/** How a run's clips lie in shards. */
export function shardTasks(clips: number, shardClips: number): ShardTask[] {
  return Array.from({ length: Math.ceil(clips / shardClips) }, (_, number) => {
    const first = number * shardClips;
    return { number, first, count: Math.min(shardClips, clips - first) };
  });
}

const workerFile = fileURLToPath(new URL('./worker.ts', import.meta.url));

function summarise(folder: string, tasks: readonly ShardTask[]): DegradeSummary {
  const truths = tasks.flatMap(({ number }) => readTruths(folder, number));
  const contents: Record<string, number> = {};
  const causes: Record<string, number> = {};
  for (const { content, causes: present } of truths) {
    contents[content] = (contents[content] ?? 0) + 1;
    for (const [cause, is] of Object.entries(present ?? {})) causes[cause] = (causes[cause] ?? 0) + is;
  }
  const frames = truths.reduce((sum, truth) => sum + truth.frames, 0);
  return { clips: truths.length, hours: frames / 360_000, contents, causes };
}

/** All clips of a run with their place: shard number, and index in it. */
export function readRun(path: string): { configuration: DegradeConfiguration; folder: string; tasks: ShardTask[] } {
  const { configuration } = RunFolder.read(path, 'degrade') as { configuration: DegradeConfiguration };
  const folder = `${path}/shards`;
  const tasks = shardTasks(configuration.clips, configuration.shardClips);
  const missing = tasks.filter(({ number }) => !isShardFinished(folder, number));
  if (missing.length > 0) {
    throw new TrainingError(
      'invalid-input',
      `${path} is not finished: ${missing.length} of ${tasks.length} shards are missing`,
    );
  }
  return { configuration, folder, tasks };
}
