import type { ChildProcess } from 'node:child_process';
import { InvalidStateError } from '../../base/errors.ts';
import { logger } from '../../base/log.ts';
import { launch } from './launch.ts';
import {
  type Command,
  type FromProcess,
  fromPlainError,
  type InitMessage,
  type ReadyMessage,
  type ToProcess,
} from './protocol.ts';

const log = logger('process');

/** A process that does not end within this time after it was asked to is killed, ms. */
const closeTimeoutMs = 1000;
/** Packets and samples on their way to the process beyond this are dropped, bytes. */
const maxMediaBytes = 4 << 20;
/** A process that lived longer than this resets the back-off, ms. */
const stableMs = 10_000;
/** So many starts in a row that failed, or ended within `stableMs`, and it has failed; */
const mostFailures = 5;
/** so has one that is down for so long, ms. It is tried on all the same. */
const longestDownMs = 30_000;

/** Waits before restarts, ms: `initial`, doubled with each failure that follows within 10 s, up to `max`. */
export interface RestartBackoff {
  initial: number;
  max: number;
}

/** How a scorer process went. */
export interface ProcessDeath {
  pid: number;
  code: number | null;
  signal: NodeJS.Signals | null;
  /** It ended by itself, or was killed because it did not report. */
  reason: 'exit' | 'hang';
}

/** A process that does not come back. */
export interface ProcessFailure {
  /** Starts in a row that failed, and deaths within 10 s of a start. */
  failures: number;
  /** Since the newest death, ms. */
  downMs: number;
  /** Why the newest start failed; absent where it ended after it was ready, or hangs. */
  error?: Error;
}

/** Reports of a process while it runs. */
export type RunningMessage = Exclude<FromProcess, { type: 'ready' | 'failed' | 'reply' }>;

/** Callbacks to the owner of a process. */
export interface ProcessListener {
  onMessage(message: RunningMessage): void;
  onDied(death: ProcessDeath): void;
  /** Commands sent from now on reach the new process. `downMs`: since the death was noticed. */
  onRestarted(ready: ReadyMessage, pid: number, downMs: number): void;
  /** It died and did not come back: 5 starts in a row failed, or 30 s went by. Once; it is tried on. */
  onFailed(failure: ProcessFailure): void;
  /** After `onFailed`: it is back, and has been for 10 s. */
  onRecovered(): void;
}

interface Pending {
  resolve(answer: never): void;
  reject(error: Error): void;
}

/** One scorer process, kept alive: started, listened to, ended when it hangs, started again when it is gone. */
export class ScorerProcess {
  readonly #init: InitMessage;
  readonly #listener: ProcessListener;
  readonly #heartbeatTimeoutMs: number;
  readonly #backoff: RestartBackoff;
  #child: ChildProcess | undefined;
  #up = false;
  #hung = false;
  #closing: Promise<void> | undefined;
  #commands: Command[] = [];
  /** Media waiting in `#commands`, and that and what is not yet written to the process. */
  #queuedMediaBytes = 0;
  #mediaBytes = 0;
  readonly #pending = new Map<number, Pending>();
  #requests = 0;
  #failures = 0;
  #upSinceMs = 0;
  #heardMs = 0;
  #restartTimer: NodeJS.Timeout | undefined;
  #failed = false;
  #downSinceMs = 0;
  /** While it is down: until it has failed. While it is back after that: until it has recovered. */
  #verdictTimer: NodeJS.Timeout | undefined;
  #watchTimer: NodeJS.Timeout | undefined;

  constructor(init: InitMessage, heartbeatTimeoutMs: number, backoff: RestartBackoff, listener: ProcessListener) {
    this.#init = init;
    this.#heartbeatTimeoutMs = heartbeatTimeoutMs;
    this.#backoff = backoff;
    this.#listener = listener;
  }

  /** Starts the process. Rejects with the process's own reason; started again it is only after it was ready once. */
  async start(): Promise<ReadyMessage> {
    const { child, ready } = launch(this.#init);
    this.#child = child;
    const message = await ready;
    if (this.#closing !== undefined) throw new InvalidStateError('closed while a scorer process started');
    this.#run(child, message);
    return message;
  }

  /** Of the running process; undefined while there is none. */
  get pid(): number | undefined {
    return this.#up ? this.#child?.pid : undefined;
  }

  /** All commands of one turn of the event loop travel together. Nothing is kept for a process that is down. */
  send(command: Command): void {
    if (!this.#up) return;
    if (this.#commands.push(command) === 1) setImmediate(() => this.#flush());
  }

  /** The same for packets and samples; false = dropped, because the process is down or behind. */
  sendMedia(command: Command, bytes: number): boolean {
    if (!this.#up || this.#mediaBytes + bytes > maxMediaBytes) return false;
    this.#mediaBytes += bytes;
    this.#queuedMediaBytes += bytes;
    this.send(command);
    return true;
  }

  /** Sends a command that is answered. Rejects when the process is down or goes down. */
  request<Answer>(command: (request: number) => Command): Promise<Answer> {
    if (!this.#up) return Promise.reject(new InvalidStateError('the scorer process is being restarted'));
    const request = this.#requests++;
    return new Promise<Answer>((resolve, reject) => {
      this.#pending.set(request, { resolve, reject });
      this.send(command(request));
    });
  }

  /** The model that a restarted process loads. */
  set model(model: string) {
    this.#init.model = model;
  }

  /** Ends the process. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#restartTimer);
    clearTimeout(this.#verdictTimer);
    this.#setDown();
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    const timer = setTimeout(() => child.kill('SIGKILL'), closeTimeoutMs);
    if (child.connected) child.disconnect();
    await exited;
    clearTimeout(timer);
  }

  #run(child: ChildProcess, ready: ReadyMessage): void {
    log({ scorerPid: child.pid }, 'scorer process is ready');
    this.#up = true;
    this.#hung = false;
    this.#upSinceMs = performance.now();
    this.#heardMs = this.#upSinceMs;
    this.#init.ports = ready.sockets.map((socket) => socket.port);
    this.#init.otherPortsAllowed = true;
    child.on('message', (message: FromProcess) => this.#onMessage(message));
    child.on('exit', (code, signal) => this.#onExit(child, code, signal));
    this.#watch();
    clearTimeout(this.#verdictTimer);
    if (this.#failed) this.#verdictTimer = setTimeout(() => this.#recover(), stableMs);
  }

  #fail(error?: Error): void {
    clearTimeout(this.#verdictTimer);
    if (this.#failed || this.#closing !== undefined) return;
    this.#failed = true;
    const [failures, downMs] = [this.#failures, performance.now() - this.#downSinceMs];
    log.error({ failures, downMs, err: error }, 'scorer process does not come back: it has failed, and is tried on');
    this.#listener.onFailed({ failures, downMs, ...(error === undefined ? {} : { error }) });
  }

  #recover(): void {
    this.#failed = false;
    this.#failures = 0;
    this.#listener.onRecovered();
  }

  #setDown(): void {
    this.#up = false;
    clearInterval(this.#watchTimer);
    this.#commands = [];
    this.#queuedMediaBytes = 0;
    this.#mediaBytes = 0;
    for (const { reject } of this.#pending.values()) reject(new InvalidStateError('the scorer process is gone'));
    this.#pending.clear();
  }

  #onMessage(message: FromProcess): void {
    if (!this.#up || message.type === 'ready' || message.type === 'failed') return;
    this.#heardMs = performance.now();
    if (message.type !== 'reply') {
      this.#listener.onMessage(message);
      return;
    }
    const pending = this.#pending.get(message.request);
    this.#pending.delete(message.request);
    if ('error' in message) pending?.reject(fromPlainError(message.error));
    else pending?.resolve(message.answer as never);
  }

  #flush(): void {
    const child = this.#child;
    if (!this.#up || child === undefined || this.#commands.length === 0) return;
    const commands = this.#commands;
    const mediaBytes = this.#queuedMediaBytes;
    this.#commands = [];
    this.#queuedMediaBytes = 0;
    // A process that is just going away cannot take them: its exit event follows.
    child.send({ type: 'commands', commands } satisfies ToProcess, () => {
      if (this.#up && child === this.#child) this.#mediaBytes -= mediaBytes;
    });
  }

  /** Ends the process when it does not report, unless it is this process that slept. */
  #watch(): void {
    const everyMs = this.#heartbeatTimeoutMs / 8;
    let dueMs = performance.now() + everyMs;
    this.#watchTimer = setInterval(() => {
      const now = performance.now();
      if (now - dueMs > everyMs) this.#heardMs = now;
      dueMs = now + everyMs;
      if (now - this.#heardMs < this.#heartbeatTimeoutMs) return;
      log.error({ scorerPid: this.#child?.pid }, 'scorer process hangs: it is killed');
      this.#hung = true;
      this.#child?.kill('SIGKILL');
    }, everyMs);
  }

  #onExit(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    if (!this.#up) return;
    const now = performance.now();
    if (now - this.#upSinceMs > stableMs) this.#failures = 0;
    this.#setDown();
    const reason = this.#hung ? 'hang' : 'exit';
    log.error({ scorerPid: child.pid, code, signal, reason }, 'scorer process is gone: it is started again');
    this.#downSinceMs = now;
    clearTimeout(this.#verdictTimer);
    if (!this.#failed) this.#verdictTimer = setTimeout(() => this.#fail(), longestDownMs);
    this.#scheduleRestart(now);
    this.#listener.onDied({ pid: child.pid as number, code, signal, reason });
    if (this.#failures >= mostFailures) this.#fail();
  }

  #scheduleRestart(downSinceMs: number): void {
    const delayMs = Math.min(this.#backoff.max, this.#backoff.initial * 2 ** this.#failures);
    this.#failures++;
    this.#restartTimer = setTimeout(() => void this.#restart(downSinceMs), delayMs);
  }

  async #restart(downSinceMs: number): Promise<void> {
    try {
      const ready = await this.start();
      this.#listener.onRestarted(ready, this.#child?.pid as number, performance.now() - downSinceMs);
    } catch (error) {
      if (this.#closing !== undefined) return;
      log.error({ err: error }, 'scorer process could not be started again');
      this.#scheduleRestart(downSinceMs);
      if (this.#failures >= mostFailures) this.#fail(error as Error);
    }
  }
}
