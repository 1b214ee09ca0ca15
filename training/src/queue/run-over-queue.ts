import { setTimeout as sleep } from 'node:timers/promises';
import { type Job, Queue } from 'bullmq';
import { TrainingError } from '../run/errors.ts';
import { connectRedis } from './redis.ts';

export interface QueueRun<Task extends object, Result> {
  /** Of Redis. */
  url: string;
  /** Name of the queue: the same for the same work, so that a run that was killed finds its results. */
  name: string;
  /** Tasks by id: letters, digits and hyphens, at least one letter. */
  tasks: ReadonlyMap<string, Task>;
  /** Checks the answer of a worker. */
  parse: (answer: unknown, id: string) => Result;
  /** Time between two looks for results. Default 500 ms. */
  pollMs?: number;
  onTrouble: (what: string) => void;
}

/**
 * Puts tasks into a queue that `serveQueue` serves, wherever, and waits for all results. A task is a job of the same id, so
 * that none is there twice; its result stays in Redis until `onResult` has returned. When this process is killed and started again
 * with the tasks that are still open, it goes on; when Redis comes back without its data, open tasks are queued again.
 *
 * @throws {TrainingError} queue when a task failed for good
 */
export async function runOverQueue<Task extends object, Result>(
  { url, name, tasks, parse, pollMs = 500, onTrouble }: QueueRun<Task, Result>,
  onResult: (id: string, result: Result) => void,
): Promise<void> {
  const client = await connectRedis(url, onTrouble);
  const queue = new Queue(name, { connection: client, skipMetasUpdate: true });
  // The client has reported errors of a lost connection.
  queue.on('error', ({ message }) => client.isReady && onTrouble(message));
  const open = new Map(tasks);

  const take = async (job: Job) => {
    const id = job.id as string;
    if (open.has(id)) {
      onResult(id, parse(job.returnvalue, id));
      open.delete(id);
    }
    await job.remove();
  };
  const look = async () => {
    for (const job of await queue.getCompleted(0, 99)) await take(job);
    const [failed] = await queue.getFailed(0, 0);
    if (failed) {
      await failed.remove();
      throw new TrainingError('queue', `${failed.id}: ${failed.failedReason}`);
    }
    const counts = await queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'completed', 'failed');
    const known = Object.values(counts).reduce((sum, count) => sum + count, 0);
    if (known < open.size) {
      const options = { attempts: 3, backoff: { type: 'exponential', delay: 1000 } };
      // One by one: after Redis was restarted, a bulk fails for want of its scripts.
      for (const [jobId, data] of open) await queue.add('task', data, { ...options, jobId });
    }
  };

  try {
    while (open.size > 0) {
      try {
        await look();
      } catch (error) {
        // Commands that fail while the connection is lost are repeated when it is back.
        if (error instanceof TrainingError || client.isReady) throw error;
      }
      if (open.size > 0) await sleep(pollMs);
    }
  } finally {
    await queue.close();
    client.destroy();
  }
}
