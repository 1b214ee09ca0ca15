import { SafeEmitter } from '../base/emitter.ts';
import { InvalidStateError } from '../base/errors.ts';
import { logger } from '../base/log.ts';
import { checkString } from '../base/options.ts';
import type { NativeSocket } from '../engine/contract.ts';
import type { ModelIdentity, StreamEvent, StreamNoScore, StreamScore } from '../events.ts';
import type { ModelManifest } from '../model/manifest.ts';
import { ModelWatch } from '../model/watch.ts';
import { unknownNetwork } from '../quality/network-history.ts';
import { describe, leastBy, Place, type Placed } from './assignment.ts';
import {
  fromPlainError,
  type InitMessage,
  type ModelReply,
  type OverloadCounts,
  type PlainNoScore,
  type ProcessStats,
  type ReadyMessage,
} from './process/protocol.ts';
import { decodeScores } from './process/score-table.ts';
import {
  type ProcessDeath,
  type ProcessFailure,
  type RunningMessage,
  ScorerProcess,
} from './process/scorer-process.ts';
import {
  type ModelName,
  type ResolvedScorerOptions,
  resolveScorerOptions,
  type ScorerOptions,
} from './scorer-options.ts';
import { ScorerStream, type StreamHost } from './stream.ts';
import { checkStreamOptions, type ScorerEndpoint, type StreamOptions, type StreamSource } from './stream-options.ts';

const log = logger('scorer');

/** Events of a scorer, name to arguments. */
export interface ScorerEvents {
  score: [StreamScore];
  noscore: [StreamNoScore];
  /** A restarted process could not get its ports again: send to the new ones. Streams know already. */
  endpointschange: [changes: { from: ScorerEndpoint; to: ScorerEndpoint }[]];
  /** Its streams are `noscore: scorer-restarting` until it is back. */
  processdied: [death: ProcessDeath];
  /**
   * A process does not come back: 5 starts in a row failed or ended within 10 s, or 30 s went by. Once for each time; it is
   * tried on, at most `restartBackoffMs.max` apart.
   */
  processfailed: [failure: ProcessFailure];
  /** A process that had failed is back, and has been for 10 s. */
  processrecovered: [];
  /** `downMs`: from when the death was noticed until scoring went on. */
  processrestarted: [restart: { pid: number; downMs: number }];
  /** This host is too slow or too busy: packets were dropped, or scores are late. At most once a second and process. */
  overload: [overload: OverloadCounts & { pid: number }];
  /** Another model scores from now on; the events after this one name it. */
  modelchange: [model: ModelIdentity];
  /** With `watchModel`: the files of this model changed, but cannot be used; the model before goes on. */
  modelerror: [failure: { model: ModelName; error: Error }];
  /** Scoring this stream failed: it is `noscore: failed`, and tried again after 10 s, doubled each time up to 5 min. */
  streamerror: [failure: { streamId: string; error: Error }];
  close: [];
}

/** What is known of one scorer process. */
export interface ScorerProcessStats {
  /** Absent while it is being restarted, as are its counters. */
  pid?: number;
  counters?: ProcessStats;
  sockets: readonly NativeSocket[];
  streams: number;
}

export interface ScorerStats {
  streams: number;
  /** Memory of a stream, fixed when it is added, bytes: without the decoder's state, and that. */
  bytesPerStream: number;
  decoderBytesPerStream: number;
  processes: ScorerProcessStats[];
}

/**
 * Scores speech quality of many streams in processes of its own, which are kept alive. Needs neither mediasoup nor a
 * network: packets and samples may come from anywhere.
 *
 * @example
 * const scorer = await Scorer.create();
 * scorer.on('score', ({ streamId, mosLqo }) => console.log(streamId, mosLqo));
 * const stream = scorer.addStream({ streamId: 'alice' });
 * stream.pushPcm(samples);
 */
export class Scorer extends SafeEmitter<ScorerEvents> {
  readonly #options: ResolvedScorerOptions;
  readonly #places: Place[] = [];
  readonly #byId = new Map<string, Placed>();
  readonly #byNumber = new Map<number, Placed>();
  readonly #modelWatch: ModelWatch | undefined;
  #settingModel: Promise<unknown> = Promise.resolve();
  #bytesPerStream = 0;
  #decoderBytesPerStream = 0;
  #numbers = 0;
  #closing: Promise<void> | undefined;

  /**
   * Starts the processes; resolves when each has loaded the model and bound its sockets.
   *
   * @throws {TypeError | RangeError} on a wrong option, naming it and the value
   * @throws {ModelLoadError} when the model cannot be used
   * @throws {ScorerStartError} when a process does not start, such as with code EADDRINUSE when a port is taken
   */
  static async create(options: ScorerOptions = {}): Promise<Scorer> {
    const scorer = new Scorer(resolveScorerOptions(options));
    try {
      await scorer.#modelWatch?.start(scorer.#options.model);
      await Promise.all(scorer.#places.map((place) => scorer.#start(place)));
    } catch (error) {
      await scorer.close();
      throw error;
    }
    return scorer;
  }

  private constructor(options: ResolvedScorerOptions) {
    super();
    this.#options = options;
    if (options.watchModel) {
      this.#modelWatch = new ModelWatch({
        onChange: (model) => this.#reloadModel(model),
        onError: (model, error) => this.#onModelError(model, error),
      });
    }
    for (let index = 0; index < options.processes; index++) this.#places.push(this.#createPlace(index));
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** The model that scores. */
  get model(): ModelIdentity {
    return this.#firstPlace.model;
  }

  /** The model's manifest. */
  get manifest(): ModelManifest {
    return this.#firstPlace.manifest;
  }

  /**
   * Scores with another model from now on, without a restart: streams stay, and so do their frames where the new model
   * takes the same windows. Else their windows restart. Resolves when every process scores with it; a process that is
   * restarted later comes back with it. Calls are worked off one after the other. With `watchModel` it is the one that is
   * watched from now on.
   *
   * @param model - as the option `model` of `create`
   * @throws {TypeError} when it is no string; the promises below reject, and the model before goes on scoring:
   * ModelLoadError when it cannot be used; RangeError when its window holds less than `minSpeechMs`; InvalidStateError when
   * the scorer is closed, or a process is being restarted
   */
  async setModel(model: ModelName): Promise<void> {
    this.#assertOpen();
    checkString('model', model);
    await this.#inTurn(() => this.#setModel(model));
  }

  /** The same for a model whose files changed, unless another one was set meanwhile. */
  #reloadModel(model: ModelName): Promise<void> {
    return this.#inTurn(async () => {
      if (model === this.#modelWatch?.model) await this.#setModel(model);
    });
  }

  #inTurn(set: () => Promise<void>): Promise<void> {
    const setting = this.#settingModel.then(set);
    this.#settingModel = setting.catch(() => {});
    return setting;
  }

  /** First every process loads it; when all could, every one uses it. */
  async #setModel(model: string): Promise<void> {
    this.#assertOpen();
    const filesState = await this.#modelWatch?.stateOf(model);
    const loading = this.#places.map(({ process }) =>
      process.request<ModelReply>((request) => ({ type: 'loadModel', request, model })),
    );
    const failed = (await Promise.allSettled(loading)).find((result) => result.status === 'rejected');
    if (failed !== undefined) {
      for (const { process } of this.#places) process.send({ type: 'dropModel' });
      throw failed.reason;
    }
    await Promise.all(this.#places.map((place) => this.#useModel(place, model)));
    if (filesState !== undefined) this.#modelWatch?.follow(model, filesState);
    log({ ...this.model }, 'another model scores');
    this.safeEmit('modelchange', this.model);
  }

  #onModelError(model: ModelName, error: Error): void {
    const { name, version } = this.model;
    log.warn({ model }, 'changed model cannot be used, %s %s goes on: %s', name, version, error.message);
    this.safeEmit('modelerror', { model, error });
  }

  /** A process that dies meanwhile comes back with the new model. */
  async #useModel(place: Place, model: string): Promise<void> {
    place.process.model = model;
    const { pid } = place.process;
    try {
      const reply = await place.process.request<ModelReply>((request) => ({ type: 'useModel', request }));
      place.use(reply.manifest);
      this.#bytesPerStream = reply.bytesPerStream;
    } catch (error) {
      if (this.closed || pid === place.process.pid) throw error;
    }
  }

  /** The least loaded place to send RTP to. Many streams may be sent to one endpoint. */
  reserveEndpoint(): ScorerEndpoint {
    this.#assertOpen();
    if (this.#options.sockets === 0) throw new InvalidStateError('the scorer has no sockets (option sockets: 0)');
    return leastBy(this.#places, (place) => [place.streams.size, place.reservations]).reserve();
  }

  /**
   * Whether the process of this endpoint runs. While it is gone (`processdied` until `processrestarted`) any other process of
   * this host may bind its port: send nothing there.
   */
  receives({ id, port }: ScorerEndpoint): boolean {
    return this.#places.some(
      ({ process, endpoints }) =>
        process.pid !== undefined && endpoints.some((endpoint) => endpoint.id === id && endpoint.port === port),
    );
  }

  /**
   * @throws {TypeError | RangeError} on a wrong option, naming it and the value
   * @throws {InvalidStateError} when closed, when there is a stream of that id or source already, or when there are `maxStreams`
   */
  addStream(options: StreamOptions): ScorerStream {
    this.#assertOpen();
    checkStreamOptions(options);
    const { streamId } = options;
    if (this.#byId.has(streamId)) throw new InvalidStateError(`there is a stream '${streamId}' already`);
    const { place, socket } = this.#placeFor(options.source);
    const stream = new ScorerStream(this.#host, options);
    this.#put(stream, place, socket, options.source, false);
    return stream;
  }

  /** The open stream of that id. */
  getStream(streamId: string): ScorerStream | undefined {
    return this.#byId.get(streamId)?.stream;
  }

  async getStats(): Promise<ScorerStats> {
    this.#assertOpen();
    const processes = this.#places.map(async ({ process, sockets, streams }): Promise<ScorerProcessStats> => {
      const known = { sockets, streams: streams.size };
      const { pid } = process;
      if (pid === undefined) return known;
      const counters = await process.request<ProcessStats>((request) => ({ type: 'getStats', request }));
      return { pid, counters, ...known };
    });
    return {
      streams: this.#byId.size,
      bytesPerStream: this.#bytesPerStream,
      decoderBytesPerStream: this.#decoderBytesPerStream,
      processes: await Promise.all(processes),
    };
  }

  /** Closes the streams and ends the processes. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#modelWatch?.close();
    for (const { stream } of [...this.#byId.values()]) stream.close();
    await Promise.all(this.#places.map(({ process }) => process.close()));
    this.safeEmit('close');
  }

  readonly #host: StreamHost = {
    pause: (stream) => this.#command(stream, 'pause'),
    resume: (stream) => this.#command(stream, 'resume'),
    setSource: (stream, source) => this.#setSource(stream, source),
    pushRtp: (stream, packet, arrivalMs, ownDrops) => {
      const { number, place } = this.#placed(stream);
      const command = { type: 'pushRtp', stream: number, packet, arrivalMs, ownDrops } as const;
      return place.process.sendMedia(command, packet.byteLength);
    },
    pushPcm: (stream, samples, arrivalMs, broken) => {
      const { number, place } = this.#placed(stream);
      const command = { type: 'pushPcm', stream: number, samples, arrivalMs, broken } as const;
      return place.process.sendMedia(command, samples.byteLength);
    },
    getStats: (stream) => {
      const { number, place } = this.#placed(stream);
      return place.process.request((request) => ({ type: 'getStreamStats', request, stream: number }));
    },
    remove: (stream) => {
      this.#take(this.#placed(stream));
      this.#byId.delete(stream.streamId);
    },
  };

  #createPlace(index: number): Place {
    const { processes: _, watchModel: __, sockets, firstPort, ...others } = this.#options;
    const { heartbeatTimeoutMs, restartBackoffMs, ...rest } = others;
    const ports = Array.from({ length: sockets }, (_, socket) =>
      firstPort === 0 ? 0 : firstPort + index * sockets + socket,
    );
    const init: InitMessage = { type: 'init', ports, otherPortsAllowed: false, ...rest };
    const process = new ScorerProcess(init, heartbeatTimeoutMs, restartBackoffMs, {
      onMessage: (message) => this.#onMessage(place, message),
      onDied: (death) => this.#onDied(place, death),
      onRestarted: (ready, pid, downMs) => this.#onRestarted(place, ready, pid, downMs),
      onFailed: (failure) => this.safeEmit('processfailed', failure),
      onRecovered: () => this.safeEmit('processrecovered'),
    });
    const place = new Place(index, process);
    return place;
  }

  async #start(place: Place): Promise<void> {
    this.#ready(place, await place.process.start());
  }

  /** The process of a place is there, for the first time or again. */
  #ready(place: Place, { sockets, manifest, bytesPerStream, decoderBytesPerStream }: ReadyMessage): void {
    place.use(manifest);
    place.bind(this.#options.address, sockets);
    this.#bytesPerStream = bytesPerStream;
    this.#decoderBytesPerStream = decoderBytesPerStream;
  }

  get #firstPlace(): Place {
    return this.#places[0] as Place;
  }

  #placeFor(source: StreamSource | undefined): { place: Place; socket: number } {
    const leastLoaded = () => ({ place: leastBy(this.#places, (each) => [each.streams.size]), socket: -1 });
    const found = source === undefined ? leastLoaded() : this.#find(source);
    const { maxStreams } = this.#options;
    if (found.place.streams.size < maxStreams) return found;
    throw new InvalidStateError(`the scorer process has ${maxStreams} streams already (option maxStreams)`);
  }

  #find(source: StreamSource, self?: ScorerStream): { place: Place; socket: number } {
    const place = this.#places.find((each) => each.socketOf(source.endpoint) >= 0);
    if (place === undefined) throw new RangeError(`source.endpoint '${source.endpoint.id}' is none of this scorer's`);
    const other = place.streamFrom(source);
    if (other === undefined || other === self) return { place, socket: place.socketOf(source.endpoint) };
    throw new InvalidStateError(`stream '${other.streamId}' has this source already`);
  }

  #put(
    stream: ScorerStream,
    place: Place,
    socket: number,
    source: StreamSource | undefined,
    sourceChanged: boolean,
  ): void {
    const placed: Placed = { number: this.#numbers++, stream, place, socket };
    place.streams.add(placed);
    this.#byNumber.set(placed.number, placed);
    this.#byId.set(stream.streamId, placed);
    place.process.send({ type: 'addStream', ...describe(placed, source, sourceChanged) });
  }

  #take(placed: Placed): void {
    const { number, place } = placed;
    place.process.send({ type: 'removeStream', stream: number });
    place.streams.delete(placed);
    this.#byNumber.delete(number);
  }

  #setSource(stream: ScorerStream, source: StreamSource): void {
    const placed = this.#placed(stream);
    const { place, socket } = this.#find(source, stream);
    this.#take(placed);
    this.#put(stream, place, socket, source, true);
  }

  #command(stream: ScorerStream, type: 'pause' | 'resume'): void {
    const { number, place } = this.#placed(stream);
    place.process.send({ type, stream: number });
  }

  #onMessage(place: Place, message: RunningMessage): void {
    if (message.type === 'refused') {
      log('stream %d refused: %s', message.stream, message.error.message);
      this.#byNumber.get(message.stream)?.stream.closeBecause(fromPlainError(message.error));
      return;
    }
    const { scores, noScores = [], faults = [], overload } = message;
    for (const { stream, error } of faults) this.#onFault(stream, fromPlainError(error));
    if (scores !== undefined) this.#onScores(place, scores);
    for (const noScore of noScores) this.#onNoScore(place, noScore);
    if (overload !== undefined) this.safeEmit('overload', { pid: place.process.pid as number, ...overload });
  }

  #onFault(number: number, error: Error): void {
    const streamId = this.#byNumber.get(number)?.stream.streamId;
    if (streamId === undefined) return;
    log.error({ streamId, err: error }, 'scoring of a stream failed: %s', error.message);
    this.safeEmit('streamerror', { streamId, error });
  }

  #onScores({ model }: Place, table: Float64Array): void {
    const targetOf = (number: number) => this.#byNumber.get(number)?.stream;
    decodeScores(table, model, targetOf, (number, score) => this.#deliver(number, score));
  }

  #onNoScore({ model }: Place, { stream: number, ...rest }: PlainNoScore): void {
    const stream = this.#byNumber.get(number)?.stream;
    if (stream === undefined) return;
    const { streamId, nextSequence: sequence } = stream;
    this.#deliver(number, { type: 'noscore', streamId, sequence, ...rest, model });
  }

  #deliver(number: number, event: StreamEvent): void {
    // A listener of an event before it in the same message may have closed or muted the stream.
    const stream = this.#byNumber.get(number)?.stream;
    if (stream === undefined || (stream.paused && event.type === 'score')) return;
    stream.deliver(event);
    if (event.type === 'score') this.safeEmit('score', event);
    else this.safeEmit('noscore', event);
  }

  #onDied(place: Place, death: ProcessDeath): void {
    this.safeEmit('processdied', death);
    const since = Date.now();
    for (const { number, stream } of [...place.streams]) {
      this.#deliver(number, {
        type: 'noscore',
        streamId: stream.streamId,
        sequence: stream.nextSequence,
        reason: 'scorer-restarting',
        since,
        network: stream.last?.network ?? unknownNetwork,
        model: place.model,
      });
    }
  }

  #onRestarted(place: Place, ready: ReadyMessage, pid: number, downMs: number): void {
    const before = place.endpoints;
    this.#ready(place, ready);
    for (const placed of place.streams) {
      place.process.send({ type: 'addStream', ...describe(placed, placed.stream.source, false) });
    }
    const changes = before
      .map((from, socket) => ({ from, to: place.endpoints[socket] as ScorerEndpoint }))
      .filter(({ from, to }) => from.port !== to.port);
    if (changes.length > 0) this.safeEmit('endpointschange', changes);
    this.safeEmit('processrestarted', { pid, downMs });
  }

  #placed(stream: ScorerStream): Placed {
    return this.#byId.get(stream.streamId) as Placed;
  }

  #assertOpen(): void {
    if (this.closed) throw new InvalidStateError('the scorer is closed');
  }
}
