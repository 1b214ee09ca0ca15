import { type AudioCodec, decodable, type PayloadTypeOptions } from './codecs.ts';
import type { Cause, NetworkQuality, NoScoreReason, StreamEvent } from './events.ts';
import { Gate, type GateOptions } from './gating/gate.ts';
import { type PollRow, readPollRow } from './gating/poll-row.ts';
import type { Model } from './model/model.ts';
import { frameMs, windowFrames } from './model/window-shape.ts';
import { type NativeEngine, type NativeStreamStats, pollFields } from './native/contract.ts';
import { NetworkHistory } from './network/history.ts';
import { PushedSsrc } from './pushed-ssrc.ts';
import { SignalMeter } from './quality/signal-meter.ts';
import { intervalOf } from './scoring/interval.ts';
import { type ScoredWindow, WindowScorer } from './scoring/window-scorer.ts';

/** Where the packets of a live stream come from. */
export interface SessionSource {
  /** Index of the engine's socket. */
  socket: number;
  address: string;
  port: number;
  ssrc: number;
}

export interface SessionStreamOptions {
  /** Unique in the session. */
  streamId: string;
  /** Default: packets or samples are pushed. */
  source?: SessionSource | undefined;
  /** Default none: samples are pushed. */
  payloadTypes?: readonly PayloadTypeOptions[];
  /** Header extension id of RFC 6464 audio levels; 0 = none, the default. */
  audioLevelExtensionId?: number;
  /** It begins muted. Default false. */
  paused?: boolean;
  /** It was heard from elsewhere before: begins as `ssrc-changed`. Default false. */
  sourceChanged?: boolean;
}

interface SessionStream {
  readonly options: SessionStreamOptions;
  readonly codec: AudioCodec;
  readonly gate: Gate;
  readonly pushedSsrc: PushedSsrc;
  network: NetworkHistory;
  signal: SignalMeter;
  handle: number;
  sequence: number;
}

interface DueWindow {
  readonly handle: number;
  readonly frames: number;
  readonly stream: SessionStream;
  readonly row: PollRow;
}

/**
 * Streams in, events out: an engine hears, a model scores, and this decides when and says so. Has no clock and no timer:
 * every call takes the time, Unix ms, so that a recording is scored as it would have been live.
 */
export class ScoringSession {
  readonly #engine: NativeEngine;
  readonly #model: Model;
  readonly #gateOptions: GateOptions;
  readonly #scorer: WindowScorer;
  readonly #streams = new Map<string, SessionStream>();
  readonly #byHandle = new Map<number, SessionStream>();
  #table = new Float64Array(0);
  #lateStreams = 0;

  /** `engine` has a ring of the model's longest window and kind of input: see `engineOptionsFor`. */
  constructor({ engine, model, ...gateOptions }: { engine: NativeEngine; model: Model } & GateOptions) {
    const { minSpeechMs } = gateOptions;
    const longestMs = model.window.maxFrames * frameMs;
    if (minSpeechMs !== undefined && minSpeechMs > longestMs) {
      throw new RangeError(
        `minSpeechMs must be at most ${longestMs}, the window of '${model.identity.name}', got ${minSpeechMs}`,
      );
    }
    this.#engine = engine;
    this.#model = model;
    this.#gateOptions = gateOptions;
    this.#scorer = new WindowScorer(engine, model);
  }

  has(streamId: string): boolean {
    return this.#streams.has(streamId);
  }

  addStream(options: SessionStreamOptions, nowMs: number): void {
    const { streamId, payloadTypes = [], paused = false, sourceChanged = false } = options;
    if (this.#streams.has(streamId)) throw new RangeError(`there is a stream '${streamId}' already`);
    const { codec } = decodable(payloadTypes);
    const gate = new Gate(nowMs, payloadTypes.length > 0 && codec === undefined, this.#gateOptions);
    if (paused) gate.pause(nowMs);
    if (sourceChanged) gate.changeSender(nowMs);
    const stream: SessionStream = {
      options,
      codec: codec ?? 'opus',
      gate,
      pushedSsrc: new PushedSsrc(),
      network: new NetworkHistory(),
      signal: new SignalMeter(),
      handle: this.#addNative(options, options.source?.ssrc ?? 0),
      sequence: 0,
    };
    this.#streams.set(streamId, stream);
    this.#byHandle.set(stream.handle, stream);
    this.#table = new Float64Array(this.#streams.size * pollFields.length);
  }

  removeStream(streamId: string): void {
    const stream = this.#stream(streamId);
    this.#engine.removeStream(stream.handle);
    this.#byHandle.delete(stream.handle);
    this.#streams.delete(streamId);
  }

  /** Muted: no score until `resume`. */
  pause(streamId: string, nowMs: number): void {
    this.#stream(streamId).gate.pause(nowMs);
  }

  resume(streamId: string, nowMs: number): void {
    const { gate, handle } = this.#stream(streamId);
    if (gate.resume(nowMs)) this.#engine.resetStream(handle);
  }

  /**
   * One RTP or RTCP packet of a stream without source. Its first SSRC is that of the stream, until another one goes on.
   * `ownDrops`: running count of its packets lost inside this host.
   */
  pushRtp(streamId: string, packet: Uint8Array, arrivalMs: number, ownDrops = 0): void {
    const stream = this.#stream(streamId);
    if (stream.gate.paused) return;
    const isNew = stream.pushedSsrc.current === undefined;
    if (stream.pushedSsrc.changedBy(packet)) {
      this.#replaceNative(stream);
      if (!isNew) stream.gate.changeSender(arrivalMs);
    }
    this.#engine.pushRtp(stream.handle, packet, arrivalMs, ownDrops);
  }

  /** 16 kHz mono samples, -1 to 1, that follow those before; `arrivalMs`: time of the first one. */
  pushPcm(streamId: string, samples: Float32Array, arrivalMs: number): void {
    const { gate, handle } = this.#stream(streamId);
    if (!gate.paused) this.#engine.pushPcm(handle, samples, arrivalMs);
  }

  /** What was heard so far does not belong to what comes: the window begins anew. */
  reset(streamId: string): void {
    this.#engine.resetStream(this.#stream(streamId).handle);
  }

  streamStats(streamId: string): NativeStreamStats {
    return this.#engine.streamStats(this.#stream(streamId).handle);
  }

  /**
   * Looks at every stream; call it several times a second of the time given, and again only when it is through. At most `maxWindows` windows are scored, those
   * first that waited longest; the others stay due.
   */
  async tick(nowMs: number, { maxWindows = Number.POSITIVE_INFINITY } = {}): Promise<StreamEvent[]> {
    this.#engine.advance(nowMs);
    const events: StreamEvent[] = [];
    let due: DueWindow[] = [];
    for (const row of this.#poll(this.#table, nowMs)) {
      const stream = this.#byHandle.get(row.handle) as SessionStream;
      stream.network.add(nowMs, row);
      const verdict = stream.gate.evaluate(row, nowMs, this.#model.window.minFrames);
      if (verdict.kind === 'noscore') {
        events.push(this.#noScore(stream, row, verdict.reason, verdict.since));
      } else if (verdict.kind === 'due') {
        due.push({ handle: row.handle, frames: windowFrames(this.#model.window, row.ringFrames), stream, row });
      }
    }
    this.#lateStreams = 0;
    if (due.length > maxWindows) {
      due.sort((a, b) => waited(b) - waited(a));
      const lateMs = 2 * (this.#gateOptions.intervalMs ?? 1000);
      this.#lateStreams = due
        .slice(maxWindows)
        .filter((each) => Number.isFinite(waited(each)) && waited(each) >= lateMs).length;
      due = due.slice(0, maxWindows);
    }
    const stillHeld = () => {
      const rows = this.#poll(new Float64Array(this.#table.length), nowMs);
      return new Map(rows.map(({ handle, ringFrames }) => [handle, ringFrames]));
    };
    for (const scored of await this.#scorer.score(due, stillHeld)) {
      const event = this.#eventOf(scored, nowMs);
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  /** Frees the engine and all its streams. Idempotent. */
  close(): void {
    this.#streams.clear();
    this.#byHandle.clear();
    this.#engine.close();
  }

  toJSON(): { streams: number; lateStreams: number; windows: number; batches: number } {
    return { streams: this.#streams.size, lateStreams: this.#lateStreams, ...this.#scorer.toJSON() };
  }

  #poll(table: Float64Array, nowMs: number): PollRow[] {
    const count = this.#engine.poll(table, nowMs);
    return Array.from({ length: count }, (_, index) => readPollRow(table, index));
  }

  #eventOf(scored: ScoredWindow<DueWindow>, nowMs: number): StreamEvent | undefined {
    const { stream, row, handle } = scored.wanted;
    // While the network ran, the stream may have been muted or removed.
    if (stream.gate.paused || this.#byHandle.get(handle) !== stream) return undefined;
    // Packets dropped in this host since the poll: the next tick says so.
    if (scored.overloadFrames > 0) return undefined;
    const { outputs, interval } = this.#model.manifest;
    if (scored.speech !== undefined && outputs.speech !== undefined && scored.speech < outputs.speech.threshold) {
      return stream.gate.notSpeech(row.talkFrames) ? this.#noScore(stream, row, 'no-speech', nowMs) : undefined;
    }
    stream.gate.scored(row.talkFrames);
    const causes = this.#causesOf(scored.causes);
    const signal = stream.signal.read(this.#engine.streamStats(handle));
    return {
      type: 'score',
      streamId: stream.options.streamId,
      sequence: stream.sequence++,
      windowStart: Math.round(scored.startMs),
      windowEnd: Math.round(scored.endMs),
      speechMs: scored.activeFrames * frameMs,
      mosLqo: scored.mos,
      interval: intervalOf(scored.mos, scored.sigma, interval.coverage),
      ...(causes === undefined ? {} : { causes }),
      ...(signal === undefined ? {} : { signal }),
      network: this.#networkOf(stream, row),
      model: this.#model.identity,
    };
  }

  #noScore(stream: SessionStream, row: PollRow, reason: NoScoreReason, since: number): StreamEvent {
    return {
      type: 'noscore',
      streamId: stream.options.streamId,
      sequence: stream.sequence++,
      reason,
      since: Math.round(since),
      network: this.#networkOf(stream, row),
      model: this.#model.identity,
    };
  }

  #networkOf(stream: SessionStream, row: PollRow): NetworkQuality {
    return stream.network.quality(row, stream.codec);
  }

  #causesOf(probabilities: Float32Array | undefined): Partial<Record<Cause, number>> | undefined {
    const { causes } = this.#model.manifest.outputs;
    if (causes === undefined || probabilities === undefined) return undefined;
    return Object.fromEntries(causes.order.map((cause, index) => [cause, probabilities[index] as number]));
  }

  #addNative({ source, payloadTypes = [], audioLevelExtensionId = 0 }: SessionStreamOptions, ssrc: number): number {
    return this.#engine.addStream({
      socket: source?.socket ?? -1,
      sourceAddress: source?.address ?? '',
      sourcePort: source?.port ?? 0,
      ssrc,
      payloadTypes: decodable(payloadTypes).payloadTypes,
      audioLevelId: audioLevelExtensionId,
    });
  }

  /** The engine hears one SSRC a stream: another one is another stream to it. */
  #replaceNative(stream: SessionStream): void {
    this.#engine.removeStream(stream.handle);
    this.#byHandle.delete(stream.handle);
    stream.handle = this.#addNative(stream.options, stream.pushedSsrc.current as number);
    stream.network = new NetworkHistory();
    stream.signal = new SignalMeter();
    this.#byHandle.set(stream.handle, stream);
  }

  #stream(streamId: string): SessionStream {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) throw new RangeError(`there is no stream '${streamId}'`);
    return stream;
  }
}

function waited({ stream, row }: DueWindow): number {
  return stream.gate.unscoredMs(row);
}
