import { Worker } from 'bullmq';
import { connectRedis } from './redis.ts';

export interface QueueService {
  /** Of Redis. */
  url: string;
  /** Name of the queue. */
  name: string;
  /** Tasks worked on at once. */
  concurrency: number;
  /**
   * A worker without a heartbeat for so long is taken for dead, and another one gets its tasks. At least a few times as long as the
   * event loop of a worker may be blocked.
   */
  stalledAfterMs: number;
  onTrouble: (what: string) => void;
  /** Ends the service after the tasks in progress. */
  signal: AbortSignal;
}

/** How often a task may bring its worker down before it is given up. */
const maxStalledCount = 5;

/** Works on the tasks of `runOverQueue` until the signal. */
export async function serveQueue<Task extends object, Result>(
  { url, name, concurrency, stalledAfterMs, onTrouble, signal }: QueueService,
  work: (task: Task, id: string) => Promise<Result>,
): Promise<void> {
  const client = await connectRedis(url, onTrouble);
  const worker = new Worker<Task, Result>(name, (job) => work(job.data, job.id as string), {
    connection: client,
    concurrency,
    lockDuration: stalledAfterMs,
    stalledInterval: stalledAfterMs / 2,
    maxStalledCount,
    // After a connection that was lost: the time between two tries.
    runRetryDelay: 1000,
  });
  worker.on('failed', (job, error) => onTrouble(`${job?.id}: ${error.message}`));
  worker.on('stalled', (id) => onTrouble(`${id} is taken over from a worker that is not heard any more`));
  // The client has reported errors of a lost connection.
  worker.on('error', ({ message }) => client.isReady && onTrouble(message));
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await worker.close();
  client.destroy();
}
