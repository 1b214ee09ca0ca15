import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { VoiceOptions } from '../bots/voice.ts';
import type { ImpairmentOptions } from './impairment.ts';

export interface BotOptions {
  name: string;
  voice: VoiceOptions;
  /** What happens to the bot's media on its way to the server. Default: nothing, and no relay. */
  uplink?: ImpairmentOptions;
  /** Mutes and unmutes by itself. */
  muting?: { talkMs: number; muteMs: number };
}

/** What the demonstration shows: one talker for each thing that can be wrong. */
export const demonstrationBots: readonly BotOptions[] = [
  { name: 'Clean', voice: { speech: 'speech/woman-1' } },
  { name: 'Noisy', voice: { speech: 'speech/man-1', noise: 'noise/kitchen', snrDb: 5 } },
  { name: 'Reverberant', voice: { speech: 'speech/man-2', room: 'rooms/hall' } },
  { name: 'Lossy', voice: { speech: 'speech/woman-2' }, uplink: { lossRatio: 0.2, lossBurstPackets: 4, seed: 7 } },
  { name: 'Muting', voice: { speech: 'speech/woman-3' }, muting: { talkMs: 12_000, muteMs: 6_000 } },
];

export type BotCommand =
  | { type: 'join'; url: string; bot: BotOptions }
  | { type: 'mute'; name: string; muted: boolean }
  | { type: 'leave'; name: string };

/** The answer to a command, by its number. */
export interface BotReply {
  readonly id: number;
  /** For 'join'. */
  readonly participantId?: string;
  readonly error?: string;
}

const joinTimeoutMs = 30_000;

/** Participants that are real WebRTC clients (libwebrtc), all in one child process. */
export class Bots {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #pending = new Map<number, { resolve: (reply: BotReply) => void; reject: (error: Error) => void }>();
  #nextId = 0;
  #closed = false;

  /** `onExit`: the process ended by itself; all its participants are gone. */
  constructor({ onExit = () => {} }: { onExit?: (reason: string) => void } = {}) {
    this.#child = fork(fileURLToPath(new URL('../bots/main.ts', import.meta.url)), {
      execArgv: ['--import', import.meta.resolve('tsx')],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#exited = once(this.#child, 'exit');
    this.#child.on('message', (reply: BotReply) => this.#settle(reply));
    this.#child.on('exit', (code, signal) => {
      const reason = `the bots' process ended: ${signal ?? `exit code ${code}`}`;
      for (const { reject } of this.#pending.values()) reject(new Error(reason));
      this.#pending.clear();
      if (!this.#closed) onExit(reason);
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Resolves with the participant's id when the bot sends. */
  async join(url: string, bot: BotOptions): Promise<string> {
    const { participantId } = await this.#send({ type: 'join', url, bot });
    if (participantId === undefined) throw new Error(`${bot.name}: joined without an id`);
    return participantId;
  }

  async mute(name: string, muted: boolean): Promise<void> {
    await this.#send({ type: 'mute', name, muted });
  }

  async leave(name: string): Promise<void> {
    await this.#send({ type: 'leave', name });
  }

  /** Ends the process; one that does not end in time is killed. */
  async close(timeoutMs = 2000): Promise<void> {
    this.#closed = true;
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeoutMs);
    await this.#exited;
    clearTimeout(timer);
  }

  #send(command: BotCommand): Promise<BotReply> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#settle({ id, error: `${command.type}: no answer in ${joinTimeoutMs} ms` }),
        joinTimeoutMs,
      );
      const done = <T>(settle: (value: T) => void) => {
        return (value: T) => {
          clearTimeout(timer);
          settle(value);
        };
      };
      this.#pending.set(id, { resolve: done(resolve), reject: done(reject) });
      this.#child.send({ id, ...command }, (error) => {
        if (error) this.#settle({ id, error: error.message });
      });
    });
  }

  #settle(reply: BotReply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (reply.error !== undefined) pending?.reject(new Error(reply.error));
    else pending?.resolve(reply);
  }
}
