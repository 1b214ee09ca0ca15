import { SafeEmitter } from '../base/emitter.ts';
import { InvalidStateError } from '../base/errors.ts';
import { checkNumber } from '../base/options.ts';
import type { PayloadTypeOptions } from '../engine/codecs.ts';
import type { NativeStreamStats } from '../engine/contract.ts';
import type { StreamEvent, StreamNoScore, StreamScore } from '../events.ts';
import { checkSource, type StreamOptions, type StreamSource } from './stream-options.ts';

/** The last moment that a Date can hold. */
const latestMs = 8.64e15;

/** Events of a stream, name to arguments. */
export interface ScorerStreamEvents {
  score: [StreamScore];
  noscore: [StreamNoScore];
  /** `cause`: why the scorer closed it by itself. */
  close: [cause?: Error];
}

/** What a stream asks of its scorer. */
export interface StreamHost {
  pause(stream: ScorerStream): void;
  resume(stream: ScorerStream): void;
  setSource(stream: ScorerStream, source: StreamSource): void;
  /** False = dropped. */
  pushRtp(stream: ScorerStream, packet: Uint8Array, arrivalMs: number | undefined, ownDrops: number): boolean;
  pushPcm(stream: ScorerStream, samples: Float32Array, arrivalMs: number | undefined, broken: boolean): boolean;
  getStats(stream: ScorerStream): Promise<NativeStreamStats>;
  remove(stream: ScorerStream): void;
}

/** One stream of a `Scorer`. Made by `Scorer.addStream`. */
export class ScorerStream extends SafeEmitter<ScorerStreamEvents> {
  readonly streamId: string;
  readonly payloadTypes: readonly PayloadTypeOptions[];
  readonly audioLevelExtensionId: number;
  readonly #host: StreamHost;
  #source: StreamSource | undefined;
  #paused: boolean;
  #closed = false;
  #last: StreamEvent | undefined;
  #sequence = 0;
  #ownDrops = 0;
  #broken = false;

  /** @internal */
  constructor(host: StreamHost, options: StreamOptions) {
    super();
    const { streamId, source, payloadTypes = [], audioLevelExtensionId = 0, paused = false } = options;
    this.streamId = streamId;
    this.payloadTypes = payloadTypes.map((entry) => ({ ...entry }));
    this.audioLevelExtensionId = audioLevelExtensionId;
    this.#host = host;
    this.#source = source && { ...source };
    this.#paused = paused;
  }

  get source(): StreamSource | undefined {
    return this.#source;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The newest event; undefined before the first. */
  get last(): StreamEvent | undefined {
    return this.#last;
  }

  /** Number of the next event. */
  get nextSequence(): number {
    return this.#sequence;
  }

  /** Muted: nothing is scored until `resume`. Nothing happens when it is already. */
  pause(): void {
    this.#assertOpen();
    if (this.#paused) return;
    this.#paused = true;
    this.#host.pause(this);
  }

  /** Talk from before the pause still counts while it is young enough; what arrived in between does not. */
  resume(): void {
    this.#assertOpen();
    if (!this.#paused) return;
    this.#paused = false;
    this.#host.resume(this);
  }

  /** The stream has another source now: earlier audio is forgotten. */
  setSource(source: StreamSource): void {
    this.#assertOpen();
    if (this.#source === undefined) throw new InvalidStateError(`stream '${this.streamId}' was added without a source`);
    checkSource(source);
    this.#host.setSource(this, source);
    this.#source = { ...source };
  }

  /**
   * One RTP or RTCP packet of a stream without UDP source; its bytes are copied. `arrivalMs`: Unix ms, default now, which is
   * when the scorer process gets it.
   */
  pushRtp(packet: Uint8Array, arrivalMs?: number): void {
    this.#assertPushed('pushRtp', arrivalMs);
    if (!(packet instanceof Uint8Array)) throw new TypeError(`packet must be a Uint8Array, got ${String(packet)}`);
    if (this.#paused) return;
    // Not `slice`: that of a Buffer shares its bytes.
    if (!this.#host.pushRtp(this, new Uint8Array(packet), arrivalMs, this.#ownDrops)) this.#ownDrops++;
  }

  /**
   * 16 kHz mono samples, -1 to 1, that follow those pushed before; they are copied. `arrivalMs`: time of the first one, Unix
   * ms; by default the last one is of now.
   */
  pushPcm(samples: Float32Array, arrivalMs?: number): void {
    this.#assertPushed('pushPcm', arrivalMs);
    if (!(samples instanceof Float32Array))
      throw new TypeError(`samples must be a Float32Array, got ${String(samples)}`);
    const bad = samples.findIndex((sample) => !Number.isFinite(sample));
    if (bad >= 0) throw new RangeError(`samples[${bad}] must be a finite number, got ${samples[bad]}`);
    if (this.#paused) return;
    this.#broken = !this.#host.pushPcm(this, samples.slice(), arrivalMs, this.#broken);
  }

  /** What was counted since the stream was added, or since its process was restarted. */
  async getStats(): Promise<NativeStreamStats> {
    this.#assertOpen();
    return this.#host.getStats(this);
  }

  /** Ends the stream. Idempotent. */
  close(): void {
    this.closeBecause();
  }

  /** @internal */
  closeBecause(cause?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#host.remove(this);
    if (cause === undefined) this.safeEmit('close');
    else this.safeEmit('close', cause);
  }

  /** @internal */
  deliver(event: StreamEvent): void {
    this.#last = event;
    this.#sequence = event.sequence + 1;
    if (event.type === 'score') this.safeEmit('score', event);
    else this.safeEmit('noscore', event);
  }

  #assertOpen(): void {
    if (this.#closed) throw new InvalidStateError(`stream '${this.streamId}' is closed`);
  }

  #assertPushed(method: string, arrivalMs: number | undefined): void {
    this.#assertOpen();
    if (this.#source !== undefined) throw new InvalidStateError(`${method}: stream '${this.streamId}' is fed by UDP`);
    if (arrivalMs !== undefined) checkNumber('arrivalMs', arrivalMs, 0, latestMs);
  }
}
