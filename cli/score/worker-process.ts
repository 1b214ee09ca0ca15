import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot, requireFromPackage, runsFromSource } from '../../src/base/package-root.ts';
import { CliError } from '../errors.ts';
import type { Channel, ChannelScore, FromWorker, ToWorker } from './protocol.ts';

/** From the sources it is run by tsx, from dist/ as it is. */
const entry = join(packageRoot, runsFromSource ? 'cli/score/worker.ts' : 'dist/cli/score/worker.mjs');
const execArgv = runsFromSource ? ['--import', pathToFileURL(requireFromPackage.resolve('tsx')).href] : [];

/** Is wrong with one file; the others go on. */
export class FileFault extends Error {
  override readonly name = 'FileFault';
}

/** One worker, from the side of who uses it. */
export class WorkerProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** @throws {CliError} when the model cannot be used */
  static async start(model: string): Promise<WorkerProcess> {
    const worker = new WorkerProcess(fork(entry, { execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
    const answer = await worker.#ask({ type: 'load', model });
    if (answer.type === 'loaded') return worker;
    worker.close();
    throw new CliError(answer.type === 'failed' ? answer.message : 'a worker could not be started');
  }

  /** False when its process died. */
  get alive(): boolean {
    return this.#child.connected;
  }

  /** @throws {FileFault} */
  async score(path: string, channel: Channel, onProgress: (share: number) => void): Promise<readonly ChannelScore[]> {
    const answer = await this.#ask({ type: 'score', path, channel }, onProgress);
    if (answer.type === 'scored') return answer.scores;
    throw new FileFault(answer.type === 'fault' ? answer.message : `unexpected answer ${answer.type}`);
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }

  /** Resolves with the last message of the worker; that its process ended is a fault too. */
  #ask(request: ToWorker, onProgress: (share: number) => void = () => {}): Promise<FromWorker> {
    const child = this.#child;
    return new Promise((resolve) => {
      const end = (answer: FromWorker) => {
        child.off('message', onMessage).off('exit', onExit).off('error', onError);
        resolve(answer);
      };
      const onMessage = (message: FromWorker) => {
        if (message.type !== 'progress') end(message);
        else if (message.share !== undefined) onProgress(message.share);
      };
      const onExit = (code: number | null, signal: string | null) =>
        end({ type: 'fault', message: `the process that scored it ended with ${signal ?? code}` });
      const onError = (error: Error) => end({ type: 'fault', message: error.message });
      child.on('message', onMessage).on('exit', onExit).on('error', onError);
      child.send(request);
    });
  }
}
