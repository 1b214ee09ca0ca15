import { join } from 'node:path';
import { z } from 'zod';
import { readRun } from '../degrade/degrade.ts';
import { serveQueue } from '../queue/serve-queue.ts';
import { checkConfiguration } from '../run/files.ts';
import { WorkerProcess } from '../run/workers.ts';
import { readEnsemble } from './description.ts';
import type { ClipLabel } from './labels.ts';
import { queueName } from './queue-name.ts';
import { labelWorkerFile, networksOf } from './teach.ts';
import type { LabelTask, WorkerSetup } from './worker.ts';

export interface LabelFromQueueOptions {
  /** URL of Redis. */
  queue: string;
  /** Run folder of `degrade`: the one that `teach` was given, or a copy of it. It is only read. */
  clips: string;
  /** Ensemble file, of the same teachers. */
  teachers: string;
  /** Shards labelled at once. Default 1. */
  workers?: number;
  /** Threads of each. Default 1. */
  threads?: number;
  /** After this time without a sign a worker is taken for dead, and another one gets its shards. Default 60 s. */
  stalledAfterMs?: number;
  /** Told of each shard, and of trouble. */
  say: (what: string) => void;
  /** Ends the work: shards that are being labelled are finished first. */
  signal: AbortSignal;
}

const taskSchema = z.strictObject({ number: z.number().int().min(0) });

/** Labels the shards that `teach` with a queue of the same clips and teachers asks for; the labels go back through Redis. */
export async function labelFromQueue({
  queue,
  clips,
  teachers,
  workers = 1,
  threads = 1,
  stalledAfterMs = 60_000,
  say,
  signal,
}: LabelFromQueueOptions): Promise<void> {
  const ensemble = readEnsemble(teachers);
  const name = queueName(clips, ensemble, networksOf(ensemble));
  readRun(clips);
  const setup: WorkerSetup = { ensemble, threads, shards: join(clips, 'shards') };
  const idle: WorkerProcess<WorkerSetup, LabelTask, ClipLabel[]>[] = [];
  const service = { url: queue, name, concurrency: workers, stalledAfterMs, onTrouble: say, signal };
  say(`waiting for shards of ${name}`);
  await serveQueue<LabelTask, ClipLabel[]>(service, async (task, id) => {
    const process = idle.pop() ?? new WorkerProcess<WorkerSetup, LabelTask, ClipLabel[]>(labelWorkerFile, setup);
    say(`${id} begun`);
    try {
      const labels = await process.run(checkConfiguration(task, taskSchema, id));
      say(`${id} done`);
      idle.push(process);
      return labels;
    } catch (error) {
      process.close();
      throw error;
    }
  });
  for (const process of idle) process.close();
}
