import { type ChildProcess, fork } from 'node:child_process';
import { TrainingError, type TrainingErrorCode, trainingErrorCodes } from './errors.ts';

/** What a worker process is told: once how to work, then one task after the other. */
export type WorkerOrder<Setup, Task> = { setup: Setup } | { task: Task };

/** What it answers: a part of a task is done, the task is done, or something went wrong. */
export type WorkerReport = 'part' | 'done' | { error: { code?: string; message: string } };

/**
 * Hands tasks to worker processes, each the next when it has done one. The first error ends all.
 *
 * @param file - module that calls `serveTasks`
 * @param onPart - called for each part that any worker has done
 */
export async function runInWorkers<Setup extends object, Task extends object>(
  { file, setup, tasks, workers }: { file: string; setup: Setup; tasks: readonly Task[]; workers: number },
  onPart: () => void,
): Promise<void> {
  const queue = [...tasks];
  const processes = Array.from({ length: Math.min(workers, tasks.length) }, () =>
    fork(file, { execArgv: ['--import', import.meta.resolve('tsx')] }),
  );
  const tell = (worker: ChildProcess, order: WorkerOrder<Setup, Task>) => worker.send(order);
  const serve = (worker: ChildProcess) =>
    new Promise<void>((resolve, reject) => {
      const next = () => {
        const task = queue.shift();
        if (task) tell(worker, { task });
        else resolve();
      };
      worker.on('message', (report: WorkerReport) => {
        if (report === 'part') onPart();
        else if (report === 'done') next();
        else reject(asError(report.error));
      });
      worker.on('error', reject);
      worker.on('exit', (code, signal) => reject(new Error(`${file} ended: ${signal ?? code}`)));
      tell(worker, { setup });
      next();
    });
  try {
    await Promise.all(processes.map(serve));
  } finally {
    for (const worker of processes) worker.kill();
  }
}

/**
 * The other side, in the worker: `prepare` turns the set-up into a function that does one task, calling `part` as it
 * goes.
 */
export function serveTasks<Setup extends object, Task extends object>(
  prepare: (setup: Setup) => Promise<(task: Task, part: () => void) => Promise<void>>,
): void {
  let prepared: ReturnType<typeof prepare> | undefined;
  const report = (message: WorkerReport) => process.send?.(message);
  process.on('disconnect', () => process.exit());
  process.on('message', async (order: WorkerOrder<Setup, Task>) => {
    try {
      if ('setup' in order) {
        prepared = prepare(order.setup);
        await prepared;
      } else if (prepared) {
        const work = await prepared;
        await work(order.task, () => report('part'));
        report('done');
      }
    } catch (error) {
      const { code, message, stack } = error as Error & { code?: string };
      report({ error: code ? { code, message } : { message: stack ?? message } });
    }
  });
}

/** Errors lose their class between processes. */
function asError({ code, message }: { code?: string; message: string }): Error {
  const known = (trainingErrorCodes as readonly string[]).includes(code ?? '');
  return known ? new TrainingError(code as TrainingErrorCode, message) : new Error(message);
}
