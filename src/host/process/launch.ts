import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ModelLoadError, ScorerStartError } from '../../base/errors.ts';
import { packageRoot, requireFromPackage, runsFromSource } from '../../base/package-root.ts';
import {
  type FromProcess,
  fromPlainError,
  type InitMessage,
  type PlainError,
  type ReadyMessage,
  type ToProcess,
} from './protocol.ts';

/** A process that does not get ready within this time is given up, ms. */
const startTimeoutMs = 20_000;

/** From the sources it is run by tsx, from dist/ as it is. */
const entry = join(packageRoot, runsFromSource ? 'src/host/process/main.ts' : 'dist/src/host/process/main.mjs');
const execArgv = runsFromSource ? ['--import', pathToFileURL(requireFromPackage.resolve('tsx')).href] : [];

export interface Launched {
  child: ChildProcess;
  /** Rejects, with the process's own reason, when it ends or fails instead; it is killed then. */
  ready: Promise<ReadyMessage>;
}

/** Starts a scorer process. */
export function launch(init: InitMessage): Launched {
  const child = fork(entry, { execArgv, serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ready = new Promise<ReadyMessage>((resolve, reject) => {
    const fail = (error: Error) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(error);
    };
    const timer = setTimeout(() => {
      fail(new ScorerStartError(`scorer process ${child.pid} was not ready within ${startTimeoutMs} ms`, 'ETIMEDOUT'));
    }, startTimeoutMs);
    child.on('error', (error) => {
      fail(new ScorerStartError(`scorer process: ${error.message}`, 'ERR_SCORER_START', { cause: error }));
    });
    child.once('exit', (code, signal) => {
      const how = signal === null ? `code ${code}` : `signal ${signal}`;
      fail(new ScorerStartError(`scorer process ended before it was ready (${how})`, 'ERR_SCORER_START'));
    });
    child.once('message', (message: FromProcess) => {
      if (message.type === 'ready') {
        clearTimeout(timer);
        resolve(message);
      } else if (message.type === 'failed') {
        fail(startError(message.error));
      }
    });
    // One that could not be made, as without descriptors, has no channel: its error follows.
    if (child.connected) child.send(init satisfies ToProcess);
  });
  return { child, ready };
}

function startError(error: PlainError): Error {
  const cause = fromPlainError(error);
  if (cause instanceof ModelLoadError || cause instanceof RangeError) return cause;
  return new ScorerStartError(error.message, error.code ?? 'ERR_SCORER_START', { cause });
}
