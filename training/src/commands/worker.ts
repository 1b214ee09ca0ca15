import { resolve } from 'node:path';
import { Command } from 'commander';
import { positive, queueOption, threadsOption, workersOption } from './options.ts';

interface WorkerFlags {
  queue: string;
  clips: string;
  teachers: string;
  workers: number;
  threads: number;
  stalledAfter: number;
}

export function workerCommand(): Command {
  return new Command('worker')
    .description(
      'labels the shards that "teach --queue" asks for, until it is told to end (Ctrl-C: after the shard it is at)',
    )
    .addOption(queueOption().makeOptionMandatory())
    .requiredOption('--clips <folder>', 'the run folder of "degrade" that "teach" was given, or a copy; only read')
    .requiredOption('--teachers <file>', 'the same teachers as those of "teach"')
    .addOption(workersOption())
    .addOption(threadsOption())
    .option('--stalled-after <seconds>', 'a worker that is silent for so long loses its shards to others', positive, 60)
    .action(async ({ stalledAfter, ...flags }: WorkerFlags) => {
      const { labelFromQueue } = await import('../teach/label-from-queue.ts');
      const ending = new AbortController();
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ending.abort());
      const say = (what: string) => console.error(`worker: ${what}`);
      const clips = resolve(flags.clips);
      await labelFromQueue({ ...flags, clips, stalledAfterMs: 1000 * stalledAfter, say, signal: ending.signal });
    });
}
