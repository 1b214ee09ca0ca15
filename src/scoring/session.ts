import { InvalidStateError } from '../base/errors.ts';
import { type AudioCodec, decodable, type PayloadTypeOptions } from '../engine/codecs.ts';
import { type NativeEngine, type NativeStreamStats, pollFields } from '../engine/contract.ts';
import { type PollRow, readPollRow } from '../engine/poll-row.ts';
import type { Cause, ModelIdentity, NetworkQuality, NoScoreReason, StreamEvent } from '../events.ts';
import type { Model } from '../model/model.ts';
import { frameMs } from '../model/window-shape.ts';
import { limitOf } from '../quality/limit.ts';
import { NetworkHistory, unknownNetwork } from '../quality/network-history.ts';
import { SignalMeter } from '../quality/signal-meter.ts';
import { PushedSsrc } from '../rtp/pushed-ssrc.ts';
import { type RingOptions, ringOptionsFor } from './engine-options.ts';
import type { ListenedStream, ModelScorer, ScoredWindow, Window } from './inference.ts';
import { intervalOf } from './interval.ts';
import { createModelScorer } from './model-scorer.ts';
import { Quarantine } from './quarantine.ts';
import { Gate, type GateOptions } from './score-policy.ts';

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
  /** It had another source before: begins as `ssrc-changed`. Default false. */
  sourceChanged?: boolean;
  /** How often the same audio is pushed, 1 or more: `speechMs` and the interval count it once. Default 1. */
  repeats?: number;
}

interface SessionStream {
  readonly options: SessionStreamOptions;
  readonly codec: AudioCodec;
  readonly gate: Gate;
  readonly pushedSsrc: PushedSsrc;
  readonly quarantine: Quarantine;
  network: NetworkHistory;
  signal: SignalMeter;
  handle: number;
  sequence: number;
  /** Grows when earlier audio no longer belongs to what follows: after a mute or a restart. */
  generation: number;
}

/** A stream as it is looked at in a tick. */
interface LookedAt extends ListenedStream {
  readonly stream: SessionStream;
  /** That of the stream when the window was looked at. */
  generation: number;
}

/** A stream that could not be scored. */
export interface StreamFault {
  readonly streamId: string;
  readonly error: unknown;
}

export interface SessionParts extends GateOptions {
  /** With a ring for the model: see `engineOptionsFor`. */
  engine: NativeEngine;
  model: Model;
  /** Talk older than this is not scored, ms. Default 60000. */
  forgetMs?: number;
  /**
   * Scoring a stream failed: it is `noscore: failed` and left alone for 10 s, doubled each time up to 5 min. Default: `tick`
   * rejects with the error.
   */
  onFault?: (fault: StreamFault) => void;
}

/**
 * Streams in, events out: an engine decodes, a model scores, and this decides when. Has no clock and no timer:
 * every call takes the time, Unix ms, so that a recording is scored as it would have been live.
 */
export class ScoringSession {
  readonly #engine: NativeEngine;
  readonly #gateOptions: GateOptions;
  readonly #forgetMs: number;
  readonly #onFault: (fault: StreamFault) => void;
  #model: Model;
  #ring: RingOptions;
  #scorer: ModelScorer;
  readonly #streams = new Map<string, SessionStream>();
  readonly #byHandle = new Map<number, SessionStream>();
  #table = new Float64Array(0);
  #lateStreams = 0;
  #streamFaults = 0;
  #ticking: Promise<unknown> | undefined;

  /** @throws {RangeError} when the model's window holds less than `minSpeechMs` */
  constructor({ engine, model, forgetMs = 60_000, onFault = rethrow, ...gateOptions }: SessionParts) {
    this.#engine = engine;
    this.#gateOptions = gateOptions;
    this.#forgetMs = forgetMs;
    this.#onFault = onFault;
    this.checkModel(model);
    this.#model = model;
    this.#ring = ringOptionsFor(model);
    this.#scorer = createModelScorer(engine, model, forgetMs);
  }

  /** The model that scores. */
  get model(): ModelIdentity {
    return this.#model.identity;
  }

  /** Memory per stream, fixed when it is added, bytes: without the decoder's state. */
  get bytesPerStream(): number {
    return this.#engine.bytesPerStream + this.#scorer.bytesPerStream;
  }

  /** @throws {RangeError} when the model cannot be used with the options of this session */
  checkModel(model: Model): void {
    const { minSpeechMs } = this.#gateOptions;
    const longestMs =
      frameMs *
      (model.form === 'streaming' ? model.shape.maxSteps * model.shape.framesPerStep : model.window.maxFrames);
    if (minSpeechMs === undefined || minSpeechMs <= longestMs) return;
    throw new RangeError(
      `minSpeechMs must be at most ${longestMs}, the window of '${model.identity.name}', got ${minSpeechMs}`,
    );
  }

  /**
   * From now on, or from the end of the tick that is under way, this model scores. The streams stay; where it needs other
   * frames than the one before, or takes them only once, their windows restart. Resolves with the one before, which is of
   * no more use here.
   */
  async setModel(model: Model): Promise<Model> {
    this.checkModel(model);
    while (this.#ticking !== undefined) await this.#ticking.catch(() => {});
    const ring = ringOptionsFor(model);
    if (ring.ringKind !== this.#ring.ringKind || ring.ringFrames !== this.#ring.ringFrames) {
      this.#engine.setRing(ring.ringKind, ring.ringFrames);
    }
    const before = this.#model;
    this.#model = model;
    this.#ring = ring;
    this.#scorer = createModelScorer(this.#engine, model, this.#forgetMs);
    for (const [handle, { quarantine }] of this.#byHandle) {
      if (!quarantine.active) this.#scorer.add(handle);
    }
    return before;
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
      quarantine: new Quarantine(),
      network: new NetworkHistory(),
      signal: new SignalMeter(),
      handle: this.#addNative(options, options.source?.ssrc ?? 0),
      sequence: 0,
      generation: 0,
    };
    this.#streams.set(streamId, stream);
    this.#own(stream);
    this.#table = new Float64Array(this.#streams.size * pollFields.length);
  }

  removeStream(streamId: string): void {
    const stream = this.#stream(streamId);
    this.#streams.delete(streamId);
    this.#disown(stream);
  }

  /** Muted: no score until `resume`. */
  pause(streamId: string, nowMs: number): void {
    const stream = this.#stream(streamId);
    stream.gate.pause(nowMs);
    stream.generation++;
  }

  resume(streamId: string, nowMs: number): void {
    if (this.#stream(streamId).gate.resume(nowMs)) this.reset(streamId);
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

  /** Earlier audio does not belong to what follows: the window restarts. */
  reset(streamId: string): void {
    const stream = this.#stream(streamId);
    this.#engine.resetStream(stream.handle);
    if (!stream.quarantine.active) this.#scorer.reset(stream.handle);
    stream.generation++;
  }

  streamStats(streamId: string): NativeStreamStats {
    return this.#engine.streamStats(this.#stream(streamId).handle);
  }

  /**
   * Looks at every stream; call it several times a second of the time given, and again only when it is through. At most `maxWindows` windows are scored, those
   * first that waited longest; the others stay due.
   */
  async tick(nowMs: number, { maxWindows = Number.POSITIVE_INFINITY } = {}): Promise<StreamEvent[]> {
    if (this.#ticking !== undefined) throw new InvalidStateError('a tick is under way');
    const ticking = this.#tick(nowMs, maxWindows);
    this.#ticking = ticking;
    try {
      return await ticking;
    } finally {
      this.#ticking = undefined;
    }
  }

  /** While a network runs, any stream may leave, be muted, restart, or get another handle; see `#has`. */
  async #tick(nowMs: number, maxWindows: number): Promise<StreamEvent[]> {
    this.#engine.advance(nowMs);
    const events: StreamEvent[] = [];
    const streams = this.#poll(this.#table, nowMs).flatMap((row) => this.#lookAt(row, nowMs, events));
    const lateMs = 2 * (this.#gateOptions.intervalMs ?? 1000);
    // A stream that is several scores behind gets one in each round. What is muted is not listened to.
    for (let round = 0, left = maxWindows; ; round++) {
      const listening = streams.filter((each) => this.#has(each) && !each.stream.gate.paused);
      const { moved, late, failed } = await this.#scorer.listen(listening, left, lateMs);
      for (const { item, error } of failed) this.#fail(item, error, nowMs, events);
      left -= moved.length;
      this.#lateStreams = late;
      const due = this.#evaluate(round === 0 ? streams : moved, nowMs, events);
      await this.#score(this.#mostUrgent(due, maxWindows, lateMs), nowMs, events);
      if (moved.length === 0) return events;
    }
  }

  /** A row of the engine's table, noted; none when its stream is left alone. */
  #lookAt(row: PollRow, nowMs: number, events: StreamEvent[]): LookedAt[] {
    const stream = this.#byHandle.get(row.handle);
    if (stream === undefined) return [];
    const { gate, quarantine } = stream;
    const dueInMs = (talkFrames: number) => gate.dueInMs(talkFrames);
    const { minSpeechMs } = gate;
    const lookedAt = { handle: row.handle, row, stream, generation: stream.generation, dueInMs, minSpeechMs };
    if (quarantine.active) this.#judgeFailed(lookedAt, nowMs, events);
    if (quarantine.active && !quarantine.isOver(nowMs)) return [];
    this.#guard(lookedAt, nowMs, events, () => {
      if (quarantine.active) this.#readmit(stream, nowMs);
      stream.network.add(nowMs, row, () => this.#engine.streamStats(row.handle));
      this.#scorer.update(lookedAt, nowMs);
    });
    return quarantine.active ? [] : [lookedAt];
  }

  /** Adds a reason where it changed; returns the streams that are due. */
  #evaluate(streams: readonly LookedAt[], nowMs: number, events: StreamEvent[]): LookedAt[] {
    return streams.filter((lookedAt) => {
      if (!this.#has(lookedAt)) return false;
      lookedAt.generation = lookedAt.stream.generation;
      const judge = () => this.#judge(lookedAt, this.#scorer.windowOf(lookedAt), nowMs, events);
      return this.#guard(lookedAt, nowMs, events, judge) === 'due';
    });
  }

  #judge({ stream, row }: LookedAt, window: Window, nowMs: number, events: StreamEvent[]): 'due' | undefined {
    const verdict = stream.gate.evaluate(row, window, nowMs);
    if (verdict.kind === 'noscore') events.push(this.#noScore(stream, row, verdict.reason, verdict.since));
    return verdict.kind === 'due' ? 'due' : undefined;
  }

  async #score(due: readonly LookedAt[], nowMs: number, events: StreamEvent[]): Promise<void> {
    const pollAgain = () => {
      const rows = this.#poll(new Float64Array(this.#streams.size * pollFields.length), nowMs);
      return new Map(rows.map((row) => [row.handle, row]));
    };
    const { scored, failed } = await this.#scorer.score(due, pollAgain);
    for (const { item, error } of failed) this.#fail(item, error, nowMs, events);
    for (const window of scored) {
      const event = this.#guard(window.wanted, nowMs, events, () => this.#eventOf(window, nowMs));
      if (event !== undefined) events.push(event);
    }
  }

  /** What throws for a stream is that stream's fault alone. */
  #guard<Result>(
    lookedAt: LookedAt,
    nowMs: number,
    events: StreamEvent[],
    act: () => Result | undefined,
  ): Result | undefined {
    try {
      return act();
    } catch (error) {
      this.#fail(lookedAt, error, nowMs, events);
      return undefined;
    }
  }

  /** From now on the stream is `failed` and not scored, until it is readmitted. */
  #fail({ stream, row, handle }: LookedAt, error: unknown, nowMs: number, events: StreamEvent[]): void {
    if (this.#byHandle.get(handle) !== stream) return;
    const { streamId } = stream.options;
    this.#streamFaults++;
    stream.quarantine.begin(nowMs);
    stream.generation++;
    stream.gate.fail(nowMs);
    this.#scorer.remove(handle);
    this.#onFault({ streamId, error });
    this.#judgeFailed({ stream, row }, nowMs, events);
  }

  /** That a stream is `failed`, or muted, is reported whatever is wrong with it. */
  #judgeFailed({ stream, row }: Pick<LookedAt, 'stream' | 'row'>, nowMs: number, events: StreamEvent[]): void {
    const verdict = stream.gate.evaluate(row, nothingOf(row), nowMs);
    if (verdict.kind !== 'noscore') return;
    const { reason, since } = verdict;
    try {
      events.push(this.#noScore(stream, row, reason, since));
    } catch {
      events.push(this.#noScore(stream, row, reason, since, unknownNetwork));
    }
  }

  /** It is tried again, as a new stream. */
  #readmit(stream: SessionStream, nowMs: number): void {
    stream.quarantine.end();
    stream.generation++;
    stream.gate.recover(nowMs);
    this.#engine.resetStream(stream.handle);
    this.#scorer.add(stream.handle);
  }

  #mostUrgent(due: LookedAt[], limit: number, lateMs: number): LookedAt[] {
    if (due.length <= limit) return due;
    due.sort((a, b) => waited(b) - waited(a));
    const late = due.slice(limit).filter((each) => Number.isFinite(waited(each)) && waited(each) >= lateMs);
    this.#lateStreams += late.length;
    return due.slice(0, limit);
  }

  /** Frees the engine and all its streams; a tick that is under way ends without them. Idempotent. */
  close(): void {
    for (const handle of this.#byHandle.keys()) this.#scorer.remove(handle);
    this.#streams.clear();
    this.#byHandle.clear();
    this.#engine.close();
  }

  /** `streamFaults`: how often scoring a stream failed. */
  toJSON(): { streams: number; lateStreams: number; streamFaults: number; windows: number; batches: number } {
    const [lateStreams, streamFaults] = [this.#lateStreams, this.#streamFaults];
    return { streams: this.#streams.size, lateStreams, streamFaults, ...this.#scorer.toJSON() };
  }

  #poll(table: Float64Array, nowMs: number): PollRow[] {
    const count = this.#engine.poll(table, nowMs);
    return Array.from({ length: count }, (_, index) => readPollRow(table, index));
  }

  #eventOf(scored: ScoredWindow<LookedAt>, nowMs: number): StreamEvent | undefined {
    const { stream, row, handle } = scored.wanted;
    // While the network ran, the stream may have left, been muted, or restarted.
    if (!this.#has(scored.wanted) || stream.generation !== scored.wanted.generation) return undefined;
    // Packets dropped in this host since the poll: the next tick reports them.
    if (scored.overloadFrames > 0) return undefined;
    const refusal = this.#refusalOf(scored, stream.gate);
    if (refusal !== undefined) {
      return stream.gate.refuse(refusal, scored.talkFrames) ? this.#noScore(stream, row, refusal, nowMs) : undefined;
    }
    const { interval } = this.#model.manifest;
    stream.gate.scored(scored.talkFrames);
    stream.quarantine.clear();
    const causes = this.#causesOf(scored.causes);
    const network = this.#networkOf(stream, row);
    const speechMs = scored.speechMs / (stream.options.repeats ?? 1);
    const signal = stream.signal.read(this.#engine.streamStats(handle));
    return {
      type: 'score',
      streamId: stream.options.streamId,
      sequence: stream.sequence++,
      windowStart: Math.round(scored.startMs),
      windowEnd: Math.round(scored.endMs),
      speechMs,
      mosLqo: scored.mos,
      interval: intervalOf(scored.mos, scored.sigma, { coverage: interval.coverage, speechMs }),
      ...(causes === undefined ? {} : { causes }),
      ...(signal === undefined ? {} : { signal }),
      network,
      limitedBy: limitOf(scored.mos, network),
      model: this.#model.identity,
    };
  }

  /** Why a window gets no score after all, where the model detects speech only together with the score. */
  #refusalOf({ speech, speechMs }: ScoredWindow<LookedAt>, gate: Gate): 'no-speech' | 'too-short' | undefined {
    if (speech === undefined) return undefined;
    if (speech < (this.#model.manifest.outputs.speech?.threshold ?? 0)) return 'no-speech';
    return speechMs < gate.minSpeechMs ? 'too-short' : undefined;
  }

  #noScore(
    stream: SessionStream,
    row: PollRow,
    reason: NoScoreReason,
    since: number,
    network = this.#networkOf(stream, row),
  ): StreamEvent {
    return {
      type: 'noscore',
      streamId: stream.options.streamId,
      sequence: stream.sequence++,
      reason,
      since: Math.round(since),
      network,
      model: this.#model.identity,
    };
  }

  #networkOf(stream: SessionStream, row: PollRow): NetworkQuality {
    return stream.network.quality(row, this.#engine.streamStats(stream.handle), stream.codec);
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

  /** The engine decodes one SSRC a stream: another one is another stream to it. */
  #replaceNative(stream: SessionStream): void {
    this.#disown(stream);
    stream.handle = this.#addNative(stream.options, stream.pushedSsrc.current as number);
    stream.network = new NetworkHistory();
    stream.signal = new SignalMeter();
    this.#own(stream);
  }

  #own(stream: SessionStream): void {
    this.#byHandle.set(stream.handle, stream);
    if (!stream.quarantine.active) this.#scorer.add(stream.handle);
  }

  /** Nothing to do when it has no native stream: replacing it failed before. */
  #disown({ handle }: SessionStream): void {
    if (!this.#byHandle.delete(handle)) return;
    this.#scorer.remove(handle);
    this.#engine.removeStream(handle);
  }

  /** It was neither removed, nor given another handle, nor did it fail: to be asked after everything that was waited for. */
  #has({ handle, stream }: LookedAt): boolean {
    return this.#byHandle.get(handle) === stream && !stream.quarantine.active;
  }

  #stream(streamId: string): SessionStream {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) throw new RangeError(`there is no stream '${streamId}'`);
    return stream;
  }
}

/** The window of a stream that is left alone. */
function nothingOf({ overrunFrames, talkFrames }: PollRow): Window {
  const empty = { frames: 0, lostFrames: 0, overloadFrames: 0, speechMs: 0 };
  return { ...empty, enough: false, speechless: false, overrunFrames, talkFrames };
}

function rethrow({ error }: StreamFault): void {
  throw error;
}

function waited({ stream, row }: LookedAt): number {
  return stream.gate.unscoredMs(row.talkFrames);
}
