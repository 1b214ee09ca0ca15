import { Progress } from '../progress.ts';
import type { Channel } from './protocol.ts';
import type { RecordingScore } from './score-recording.ts';
import { FileFault, WorkerProcess } from './worker-process.ts';

/** What became of a channel of a file, counted from 1, or of a file that could not be scored. */
export type FileResult = { readonly file: string } & (
  | { readonly channel: number; readonly score: RecordingScore }
  | { readonly fault: string }
);

export interface ScoreFilesOptions {
  readonly model: string;
  /** Of every file. */
  readonly channel: Channel;
  /** Files scored at once. */
  readonly jobs: number;
  /** Ends it early: what was scored by then is the result. */
  readonly signal: AbortSignal;
}

/**
 * Scores files, several at once, each in a process of its own: a file that cannot be read, or that breaks its process, is
 * a fault of that file only.
 *
 * @returns a result for each file that was looked at, or for each channel of it, in the order of `files`
 * @throws {CliError} when the model cannot be used
 */
export async function scoreFiles(
  files: readonly string[],
  { model, channel, jobs, signal }: ScoreFilesOptions,
): Promise<FileResult[]> {
  const results: (readonly FileResult[] | undefined)[] = files.map(() => undefined);
  const progress = new Progress('score', files.length === 1 ? 'file' : 'files', files.length);
  const shares = new Map<number, number>();
  const workers = new Set<WorkerProcess>();
  const onAbort = () => {
    for (const worker of workers) worker.close();
  };
  signal.addEventListener('abort', onAbort);
  let next = 0;

  const show = () => {
    const done = results.filter((result) => result !== undefined).length;
    progress.update(done + [...shares.values()].reduce((total, share) => total + share, 0));
  };
  const lane = async () => {
    let worker: WorkerProcess | undefined;
    while (next < files.length && !signal.aborted) {
      const index = next++;
      const file = files[index] as string;
      if (worker?.alive !== true) {
        worker = await WorkerProcess.start(model);
        workers.add(worker);
      }
      const onShare = (share: number) => {
        shares.set(index, share);
        show();
      };
      const result = await worker.score(file, channel, onShare).then(
        (scores): FileResult[] => scores.map((each) => ({ file, channel: each.channel + 1, score: each.score })),
        (error: Error): FileResult[] => {
          if (!(error instanceof FileFault)) throw error;
          return [{ file, fault: error.message }];
        },
      );
      if (!signal.aborted) results[index] = result;
      shares.delete(index);
      show();
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(jobs, files.length) }, lane));
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    for (const worker of workers) worker.close();
    progress.stop();
  }
  return results.flatMap((result) => result ?? []);
}
