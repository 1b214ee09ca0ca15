import { SafeEmitter } from './emitter.ts';
import { InvalidStateError } from './errors.ts';
import type { ModelIdentity, NetworkQuality, StreamEvent, StreamNoScore, StreamScore } from './events.ts';
import { logger } from './log.ts';
import type { ModelManifest } from './model/manifest.ts';
import type { NativeSocket } from './native/contract.ts';
import { mosCqe } from './network/e-model.ts';
import {
  fromPlainError,
  type InitMessage,
  type OverloadCounts,
  type PlainNoScore,
  type ProcessStats,
  type SourceDescription,
  type StreamDescription,
} from './process/protocol.ts';
import { decodeScores } from './process/score-table.ts';
import { type ProcessDeath, ScorerProcess } from './process/scorer-process.ts';
import { type ResolvedScorerOptions, resolveScorerOptions, type ScorerOptions } from './scorer-options.ts';
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
  /** `downMs`: from when the death was noticed until scoring went on. */
  processrestarted: [restart: { pid: number; downMs: number }];
  /** This host is too slow or too busy: packets were dropped, or scores are late. At most once a second and process. */
  overload: [overload: OverloadCounts & { pid: number }];
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

/** A process and what is kept of it here. */
interface Place {
  index: number;
  process: ScorerProcess;
  sockets: NativeSocket[];
  endpoints: ScorerEndpoint[];
  /** Endpoints given out, per socket. */
  reserved: number[];
  streams: Set<Placed>;
}

/** A stream and where it is scored. Placed anew, it gets a new number, so that what was said of it before is known as old. */
interface Placed {
  number: number;
  stream: ScorerStream;
  place: Place;
  socket: number;
}

/** Of a stream of which nothing was heard yet. */
const unknownNetwork: NetworkQuality = { lossRatio: 0, burstRatio: 1, jitterMs: 0, mosCqe: mosCqe('opus', 0, 1) };

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
  #manifest: ModelManifest | undefined;
  #model: ModelIdentity | undefined;
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
    for (let index = 0; index < options.processes; index++) this.#places.push(this.#createPlace(index));
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** The model that scores. */
  get model(): ModelIdentity {
    return this.#model as ModelIdentity;
  }

  /** All that the model's manifest says. */
  get manifest(): ModelManifest {
    return this.#manifest as ModelManifest;
  }

  /** The least loaded place to send RTP to. Many streams may be sent to one endpoint. */
  reserveEndpoint(): ScorerEndpoint {
    this.#assertOpen();
    if (this.#options.sockets === 0) throw new InvalidStateError('the scorer has no sockets (option sockets: 0)');
    const place = leastBy(this.#places, (each) => [each.streams.size, sum(each.reserved)]);
    const load = place.endpoints.map(() => 0);
    for (const { socket } of place.streams) if (socket >= 0) load[socket] = (load[socket] as number) + 1;
    const socket = leastBy([...place.endpoints.keys()], (each) => [
      load[each] as number,
      place.reserved[each] as number,
    ]);
    place.reserved[socket] = (place.reserved[socket] as number) + 1;
    return place.endpoints[socket] as ScorerEndpoint;
  }

  /**
   * @throws {TypeError | RangeError} on a wrong option, naming it and the value
   * @throws {InvalidStateError} when closed, when there is a stream of that id or source already, or when there are `maxStreams`
   */
  addStream(options: StreamOptions): ScorerStream {
    this.#assertOpen();
    checkStreamOptions(options);
    if (this.#byId.has(options.streamId))
      throw new InvalidStateError(`there is a stream '${options.streamId}' already`);
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
    const { processes: _, sockets, firstPort, heartbeatTimeoutMs, restartBackoffMs, ...rest } = this.#options;
    const ports = Array.from({ length: sockets }, (_, socket) =>
      firstPort === 0 ? 0 : firstPort + index * sockets + socket,
    );
    const init: InitMessage = { type: 'init', ports, otherPortsAllowed: false, ...rest };
    const place: Omit<Place, 'process'> = {
      index,
      sockets: [],
      endpoints: [],
      reserved: ports.map(() => 0),
      streams: new Set(),
    };
    const process = new ScorerProcess(init, heartbeatTimeoutMs, restartBackoffMs, {
      onMessage: (message) => {
        if (message.type === 'refused') {
          const refused = this.#byNumber.get(message.stream);
          log('stream %d refused: %s', message.stream, message.error.message);
          refused?.stream.closeBecause(fromPlainError(message.error));
          return;
        }
        if (message.scores !== undefined) this.#onScores(message.scores);
        for (const noScore of message.noScores ?? []) this.#onNoScore(noScore);
        if (message.overload !== undefined)
          this.safeEmit('overload', { pid: process.pid as number, ...message.overload });
      },
      onDied: (death) => this.#onDied(place as Place, death),
      onRestarted: ({ sockets: bound }, pid, downMs) => this.#onRestarted(place as Place, bound, pid, downMs),
    });
    return Object.assign(place, { process });
  }

  async #start(place: Place): Promise<void> {
    const { sockets, manifest, bytesPerStream, decoderBytesPerStream } = await place.process.start();
    this.#manifest ??= manifest;
    this.#model ??= { name: manifest.name, version: manifest.version };
    this.#bytesPerStream = bytesPerStream;
    this.#decoderBytesPerStream = decoderBytesPerStream;
    this.#bind(place, sockets);
  }

  #bind(place: Place, sockets: NativeSocket[]): void {
    const { address } = this.#options;
    place.sockets = sockets;
    place.endpoints = sockets.map(({ port }, socket) => ({ id: `${place.index}/${socket}`, address, port }));
  }

  #placeFor(source: StreamSource | undefined): { place: Place; socket: number } {
    const leastLoaded = () => ({ place: leastBy(this.#places, (each) => [each.streams.size]), socket: -1 });
    const found = source === undefined ? leastLoaded() : this.#find(source);
    if (found.place.streams.size >= this.#options.maxStreams) {
      throw new InvalidStateError(
        `the scorer process has ${this.#options.maxStreams} streams already (option maxStreams)`,
      );
    }
    return found;
  }

  #find(source: StreamSource, self?: ScorerStream): { place: Place; socket: number } {
    const { endpoint } = source;
    for (const place of this.#places) {
      const socket = place.endpoints.findIndex(({ id }) => id === endpoint.id);
      if (socket < 0) continue;
      for (const other of place.streams) {
        if (
          other.stream === self ||
          other.socket !== socket ||
          !sameSource(other.stream.source as StreamSource, source)
        )
          continue;
        throw new InvalidStateError(`stream '${other.stream.streamId}' has this source already`);
      }
      return { place, socket };
    }
    throw new RangeError(`source.endpoint '${endpoint.id}' is none of this scorer's`);
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

  #onScores(table: Float64Array): void {
    const targetOf = (number: number) => this.#byNumber.get(number)?.stream;
    decodeScores(table, this.model, targetOf, (number, score) => this.#deliver(number, score));
  }

  #onNoScore({ stream: number, ...rest }: PlainNoScore): void {
    const stream = this.#byNumber.get(number)?.stream;
    if (stream === undefined) return;
    const { streamId, nextSequence: sequence } = stream;
    this.#deliver(number, { type: 'noscore', streamId, sequence, ...rest, model: this.model });
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
        model: this.model,
      });
    }
  }

  #onRestarted(place: Place, sockets: NativeSocket[], pid: number, downMs: number): void {
    const before = place.endpoints;
    this.#bind(place, sockets);
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

function describe(
  { number, stream, socket }: Placed,
  source: StreamSource | undefined,
  sourceChanged: boolean,
): StreamDescription {
  return {
    stream: number,
    source: source === undefined ? undefined : describeSource(source, socket),
    payloadTypes: stream.payloadTypes,
    audioLevelExtensionId: stream.audioLevelExtensionId,
    paused: stream.paused,
    sourceChanged,
  };
}

function describeSource({ address, port, ssrc }: StreamSource, socket: number): SourceDescription {
  return { socket, address, port, ssrc };
}

function sameSource(one: StreamSource, other: StreamSource): boolean {
  return one.ssrc === other.ssrc && one.port === other.port && one.address === other.address;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The first of those whose keys, compared one after the other, are least. */
function leastBy<T>(items: readonly T[], keysOf: (item: T) => number[]): T {
  const keyed = items.map((item) => ({ item, keys: keysOf(item) }));
  keyed.sort((a, b) => a.keys.reduce((order, key, index) => order || key - (b.keys[index] as number), 0));
  return (keyed[0] as { item: T }).item;
}
