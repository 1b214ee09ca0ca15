import { type ChildProcess, fork } from 'node:child_process';
import { TrainingError, type TrainingErrorCode, trainingErrorCodes } from './errors.ts';

/** Messages to a worker process: its set-up once, then one task after the other. */
export type WorkerOrder<Setup, Task> = { setup: Setup } | { task: Task };

/** Its answers: a part of a task is done, the task is done, or an error. */
export type WorkerReport<Result> = 'part' | { result: Result | null } | { error: { code?: string; message: string } };

/** A process of a module that calls `serveTasks`. It does one task at a time. */
export class WorkerProcess<Setup extends object, Task extends object, Result = void> {
  readonly #process: ChildProcess;
  #task: { resolve: (result: Result) => void; reject: (error: Error) => void; onPart: () => void } | undefined;
  #fault: Error | undefined;

  constructor(file: string, setup: Setup) {
    this.#process = fork(file, { execArgv: ['--import', import.meta.resolve('tsx')] });
    this.#process.on('message', (report: WorkerReport<Result>) => {
      if (report === 'part') this.#task?.onPart();
      else if ('error' in report) this.#end(asError(report.error));
      else {
        const task = this.#task;
        this.#task = undefined;
        task?.resolve(report.result as Result);
      }
    });
    this.#process.on('error', (error) => this.#end(error));
    this.#process.on('exit', (code, signal) => this.#end(new Error(`${file} ended: ${signal ?? code}`)));
    this.#tell({ setup });
  }

  /**
   * Does a task; the next one only after it.
   *
   * @param onPart - called for each part of it that is done
   * @throws the error of the set-up or the task, or that the process ended: it takes no more tasks then
   */
  run(task: Task, onPart: () => void = () => {}): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#fault) {
        reject(this.#fault);
        return;
      }
      this.#task = { resolve, reject, onPart };
      this.#tell({ task });
    });
  }

  close(): void {
    this.#process.kill();
  }

  #tell(order: WorkerOrder<Setup, Task>): void {
    // The exit event reports that the process is gone.
    this.#process.send(order, () => {});
  }

  #end(fault: Error): void {
    this.#fault ??= fault;
    this.#task?.reject(this.#fault);
    this.#task = undefined;
  }
}

/**
 * Hands tasks to worker processes, each the next when it has done one. The first error ends all.
 *
 * @param file - module that calls `serveTasks`
 * @param onPart - called for each part that any worker has done
 * @param onResult - called with each task and its result
 */
export async function runInWorkers<Setup extends object, Task extends object, Result = void>(
  { file, setup, tasks, workers }: { file: string; setup: Setup; tasks: readonly Task[]; workers: number },
  onPart: () => void,
  onResult: (task: Task, result: Result) => void = () => {},
): Promise<void> {
  const queue = [...tasks];
  const processes = Array.from(
    { length: Math.min(workers, tasks.length) },
    () => new WorkerProcess<Setup, Task, Result>(file, setup),
  );
  const serve = async (worker: WorkerProcess<Setup, Task, Result>) => {
    for (let task = queue.shift(); task; task = queue.shift()) onResult(task, await worker.run(task, onPart));
  };
  try {
    await Promise.all(processes.map(serve));
  } finally {
    for (const worker of processes) worker.close();
  }
}

/**
 * The other side, in the worker: `prepare` turns the set-up into a function that does one task, calling `part` as it
 * goes.
 */
export function serveTasks<Setup extends object, Task extends object, Result = void>(
  prepare: (setup: Setup) => Promise<(task: Task, part: () => void) => Promise<Result>>,
): void {
  let prepared: ReturnType<typeof prepare> | undefined;
  const report = (message: WorkerReport<Result>) => process.send?.(message);
  process.on('disconnect', () => process.exit());
  process.on('message', async (order: WorkerOrder<Setup, Task>) => {
    try {
      if ('setup' in order) {
        prepared = prepare(order.setup);
        await prepared;
      } else if (prepared) {
        const work = await prepared;
        const result = await work(order.task, () => report('part'));
        report({ result: result ?? null });
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
