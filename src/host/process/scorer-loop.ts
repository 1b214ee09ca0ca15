import { InvalidStateError } from '../../base/errors.ts';
import { logger } from '../../base/log.ts';
import type { NativeEngine } from '../../engine/contract.ts';
import type { StreamEvent, StreamScore } from '../../events.ts';
import type { Model } from '../../model/model.ts';
import type { ScoringSession, StreamFault } from '../../scoring/session.ts';
import {
  type Command,
  type FromProcess,
  type ModelReply,
  type OverloadCounts,
  type PlainFault,
  type PlainNoScore,
  type ProcessStats,
  toPlainError,
} from './protocol.ts';
import { encodeScores } from './score-table.ts';

const log = logger('process');

/** How often the engine is asked whether packets were dropped, ms. */
const overloadEveryMs = 1000;
/** Scoring may take this share of a tick; what is due beyond it waits for the next one. */
const tickShare = 0.8;
/** Ticks whose messages the parent has not taken yet: beyond them nothing is scored. */
const maxUnsentTicks = 50;
/** Weight of a new measurement of the time that a window takes. */
const smoothing = 0.3;

/** Those that concern one stream. */
type StreamCommand = Extract<Command, { stream: number }>;

/** Of pushed samples, 16 kHz. */
const samplesPerMs = 16;

/** Unix ms, never going back. */
export const clock = (): number => performance.timeOrigin + performance.now();

export interface ScorerLoopOptions {
  session: ScoringSession;
  engine: NativeEngine;
  /** The one that the session has. */
  model: Model;
  load: (model: string) => Promise<Model>;
  tickMs: number;
  send: (message: FromProcess, sent?: () => void) => void;
}

/** What the scorer process does once it is ready: commands in, one message a tick out. */
export class ScorerLoop {
  readonly #session: ScoringSession;
  readonly #engine: NativeEngine;
  readonly #tickMs: number;
  readonly #load: ScorerLoopOptions['load'];
  readonly #send: ScorerLoopOptions['send'];
  /** Loaded, and not in use. */
  #otherModel: Model | undefined;
  /** The request by which it comes into use with the next tick. */
  #useRequest: number | undefined;
  /** Of the tick that is under way. */
  #faults: PlainFault[] = [];
  #unsentTicks = 0;
  #msPerWindow: number;
  #overloadDueMs = 0;
  #drops = { kernelDrops: 0, queueDrops: 0 };
  #ticks = 0;
  #scoringMs = 0;
  #longestTickMs = 0;

  constructor({ session, engine, model, load, tickMs, send }: ScorerLoopOptions) {
    this.#session = session;
    this.#engine = engine;
    this.#load = load;
    this.#tickMs = tickMs;
    this.#msPerWindow = statedMs(model);
    this.#send = send;
  }

  /** Goes on until the process ends; an error in a tick ends it. */
  async run(): Promise<never> {
    for (;;) {
      const startMs = performance.now();
      if (this.#unsentTicks < maxUnsentTicks) await this.#tick();
      const tookMs = performance.now() - startMs;
      this.#longestTickMs = Math.max(this.#longestTickMs, tookMs);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, this.#tickMs - tookMs)));
    }
  }

  /** For the session: scoring a stream failed. */
  onFault({ streamId, error }: StreamFault): void {
    this.#faults.push({ stream: Number(streamId), error: toPlainError(error) });
  }

  /** A command that fails concerns its stream only: it is refused, and the stream is gone. */
  execute(command: Command): void {
    switch (command.type) {
      case 'getStats':
        this.#send({ type: 'reply', request: command.request, answer: this.#stats() });
        break;
      case 'loadModel':
        void this.#loadModel(command);
        break;
      case 'useModel':
        this.#useRequest = command.request;
        break;
      case 'dropModel':
        this.#dropModel();
        break;
      default:
        this.#executeFor(command);
    }
  }

  #executeFor(command: StreamCommand): void {
    const streamId = String(command.stream);
    try {
      if (command.type === 'addStream') {
        const { type: _type, stream: _stream, ...options } = command;
        this.#session.addStream({ streamId, ...options }, clock());
      } else if (command.type === 'getStreamStats') {
        this.#send({ type: 'reply', request: command.request, answer: this.#session.streamStats(streamId) });
      } else if (this.#session.has(streamId)) {
        this.#executeOn(streamId, command);
      }
    } catch (error) {
      if (command.type === 'getStreamStats') {
        this.#send({ type: 'reply', request: command.request, error: toPlainError(error) });
        return;
      }
      if (this.#session.has(streamId)) this.#session.removeStream(streamId);
      this.#send({ type: 'refused', stream: command.stream, error: toPlainError(error) });
    }
  }

  #executeOn(streamId: string, command: Exclude<StreamCommand, { type: 'addStream' | 'getStreamStats' }>): void {
    const now = clock();
    switch (command.type) {
      case 'removeStream':
        this.#session.removeStream(streamId);
        break;
      case 'pause':
        this.#session.pause(streamId, now);
        break;
      case 'resume':
        this.#session.resume(streamId, now);
        break;
      case 'pushRtp':
        this.#session.pushRtp(streamId, command.packet, command.arrivalMs ?? now, command.ownDrops);
        break;
      case 'pushPcm':
        if (command.broken) this.#session.reset(streamId);
        this.#session.pushPcm(
          streamId,
          command.samples,
          command.arrivalMs ?? now - command.samples.length / samplesPerMs,
        );
        break;
    }
  }

  async #loadModel({ request, model }: { request: number; model: string }): Promise<void> {
    let loaded: Model | undefined;
    try {
      loaded = await this.#load(model);
      this.#session.checkModel(loaded);
      this.#dropModel();
      this.#otherModel = loaded;
      this.#send({ type: 'reply', request, answer: this.#modelReply(loaded) });
    } catch (error) {
      free(loaded);
      this.#send({ type: 'reply', request, error: toPlainError(error) });
    }
  }

  #dropModel(): void {
    free(this.#otherModel);
    this.#otherModel = undefined;
  }

  /** Between two ticks. */
  async #useModel(): Promise<void> {
    const [request, model] = [this.#useRequest, this.#otherModel];
    if (request === undefined) return;
    this.#useRequest = undefined;
    if (model === undefined) {
      const error = toPlainError(new InvalidStateError('no other model is loaded'));
      this.#send({ type: 'reply', request, error });
      return;
    }
    this.#otherModel = undefined;
    try {
      free(await this.#session.setModel(model));
      this.#msPerWindow = statedMs(model);
      this.#send({ type: 'reply', request, answer: this.#modelReply(model) });
    } catch (error) {
      free(model);
      this.#send({ type: 'reply', request, error: toPlainError(error) });
    }
  }

  #modelReply({ manifest }: Model): ModelReply {
    return { manifest, bytesPerStream: this.#session.bytesPerStream };
  }

  async #tick(): Promise<void> {
    await this.#useModel();
    const windowsBefore = this.#session.toJSON().windows;
    const startMs = performance.now();
    const maxWindows = Math.max(1, Math.floor((tickShare * this.#tickMs) / this.#msPerWindow));
    const events = await this.#session.tick(clock(), { maxWindows });
    const tookMs = performance.now() - startMs;
    const windows = this.#session.toJSON().windows - windowsBefore;
    if (windows > 0) {
      this.#msPerWindow += smoothing * (tookMs / windows - this.#msPerWindow);
      this.#scoringMs += tookMs;
    }
    this.#ticks++;
    this.#report(events);
  }

  #report(events: StreamEvent[]): void {
    const scores = events.filter((event): event is StreamScore => event.type === 'score');
    const noScores = events.flatMap((event): PlainNoScore[] => {
      if (event.type === 'score') return [];
      const { reason, since, network } = event;
      return [{ stream: Number(event.streamId), reason, since, network }];
    });
    const overload = this.#overload();
    const faults = this.#faults;
    this.#faults = [];
    this.#unsentTicks++;
    this.#send(
      {
        type: 'tick',
        ...(scores.length === 0 ? {} : { scores: encodeScores(scores, ({ streamId }) => Number(streamId)) }),
        ...(noScores.length === 0 ? {} : { noScores }),
        ...(faults.length === 0 ? {} : { faults }),
        ...(overload === undefined ? {} : { overload }),
      },
      () => this.#unsentTicks--,
    );
  }

  /** What went wrong in this host since the last time it was asked. */
  #overload(): OverloadCounts | undefined {
    const now = performance.now();
    if (now < this.#overloadDueMs) return undefined;
    this.#overloadDueMs = now + overloadEveryMs;
    const { kernelDrops, queueDrops } = this.#engine.stats();
    const since = {
      kernelDrops: kernelDrops - this.#drops.kernelDrops,
      queueDrops: queueDrops - this.#drops.queueDrops,
      lateStreams: this.#session.toJSON().lateStreams,
    };
    this.#drops = { kernelDrops, queueDrops };
    return Object.values(since).some((count) => count > 0) ? since : undefined;
  }

  #stats(): ProcessStats {
    const { streams, windows, batches, streamFaults } = this.#session.toJSON();
    const { user, system } = process.cpuUsage();
    return {
      streams,
      ticks: this.#ticks,
      windowsScored: windows,
      batches,
      streamFaults,
      scoringMs: this.#scoringMs,
      longestTickMs: this.#longestTickMs,
      cpuMs: (user + system) / 1000,
      rssBytes: process.memoryUsage.rss(),
      engine: this.#engine.stats(),
    };
  }
}

/** A model that cannot be freed is of no consequence to those that score. */
function free(model: Model | undefined): void {
  model?.close().catch((error) => log.error({ err: error }, 'a model that is not used any more could not be freed'));
}

/** Cost of a window, or a second of a stream, by its manifest: a first guess. */
function statedMs({ manifest: { form, cost } }: Model): number {
  return form === 'streaming' ? (cost.msPerAudioSecond ?? cost.msPerWindow) : cost.msPerWindow;
}
