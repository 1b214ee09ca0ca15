import type { NativeSocket } from '../engine/contract.ts';
import type { ModelIdentity } from '../events.ts';
import type { ModelManifest } from '../model/manifest.ts';
import type { SourceDescription, StreamDescription } from './process/protocol.ts';
import type { ScorerProcess } from './process/scorer-process.ts';
import type { ScorerStream } from './stream.ts';
import type { ScorerEndpoint, StreamSource } from './stream-options.ts';

/** A stream and where it is scored. Placed again, it gets a new number, so that earlier reports are known as old. */
export interface Placed {
  readonly number: number;
  readonly stream: ScorerStream;
  readonly place: Place;
  /** Index of the socket; -1 = fed by hand. */
  readonly socket: number;
}

/** One scorer process with its sockets and the streams that are scored there. */
export class Place {
  readonly index: number;
  readonly process: ScorerProcess;
  readonly streams = new Set<Placed>();
  sockets: readonly NativeSocket[] = [];
  endpoints: readonly ScorerEndpoint[] = [];
  /** What scores there now; set once the process is ready. */
  manifest!: ModelManifest;
  model!: ModelIdentity;
  /** How often each endpoint was given out. */
  readonly #reserved = new Map<string, number>();

  constructor(index: number, process: ScorerProcess) {
    this.index = index;
    this.process = process;
  }

  /** The process has bound these sockets. */
  bind(address: string, sockets: readonly NativeSocket[]): void {
    this.sockets = sockets;
    this.endpoints = sockets.map(({ port }, socket) => ({ id: `${this.index}/${socket}`, address, port }));
  }

  /** The process scores with this model from now on. */
  use(manifest: ModelManifest): void {
    this.manifest = manifest;
    this.model = { name: manifest.name, version: manifest.version };
  }

  get reservations(): number {
    return [...this.#reserved.values()].reduce((total, count) => total + count, 0);
  }

  /** The endpoint with the fewest streams; of several, the one given out least. */
  reserve(): ScorerEndpoint {
    const load = this.endpoints.map(() => 0);
    for (const { socket } of this.streams) if (socket >= 0) load[socket] = (load[socket] as number) + 1;
    const reserved = (endpoint: ScorerEndpoint) => this.#reserved.get(endpoint.id) ?? 0;
    const endpoint = leastBy(this.endpoints, (each, socket) => [load[socket] as number, reserved(each)]);
    this.#reserved.set(endpoint.id, reserved(endpoint) + 1);
    return endpoint;
  }

  /** Index of the socket of that endpoint; -1 when it is none of these. */
  socketOf({ id }: ScorerEndpoint): number {
    return this.endpoints.findIndex((endpoint) => endpoint.id === id);
  }

  /** The stream that is received from there. */
  streamFrom(source: StreamSource): ScorerStream | undefined {
    const found = [...this.streams].find(({ stream }) => stream.source !== undefined && same(stream.source, source));
    return found?.stream;
  }
}

function same(one: StreamSource, other: StreamSource): boolean {
  return (
    one.endpoint.id === other.endpoint.id &&
    one.ssrc === other.ssrc &&
    one.port === other.port &&
    one.address === other.address
  );
}

/** Message that adds a stream to a process. `source`: where it comes from, from now on. */
export function describe(
  { number, stream, socket }: Placed,
  source: StreamSource | undefined,
  sourceChanged: boolean,
): StreamDescription {
  return {
    stream: number,
    source: source && describeSource(source, socket),
    payloadTypes: stream.payloadTypes,
    audioLevelExtensionId: stream.audioLevelExtensionId,
    paused: stream.paused,
    sourceChanged,
  };
}

function describeSource({ address, port, ssrc }: StreamSource, socket: number): SourceDescription {
  return { socket, address, port, ssrc };
}

/** The first of those whose keys, compared one after the other, are least. */
export function leastBy<T>(items: readonly T[], keysOf: (item: T, index: number) => number[]): T {
  const keyed = items.map((item, index) => ({ item, keys: keysOf(item, index) }));
  keyed.sort((a, b) => a.keys.reduce((order, key, index) => order || key - (b.keys[index] as number), 0));
  return (keyed[0] as { item: T }).item;
}
