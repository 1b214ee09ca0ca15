import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import type { StreamNoScore, StreamScore } from '../../src/events.ts';
import type { Scorer, ScorerEndpoint, StreamOptions, StreamSource } from '../../src/index.ts';

const cleanScore = {
  windowStart: 0,
  windowEnd: 7680,
  speechMs: 7680,
  mosLqo: 4.5,
  interval: { lower: 4, upper: 5, coverage: 0.9 },
};

const heard = {
  network: { lossRatio: 0, burstRatio: 1, jitterMs: 0, mosCqe: 4.4 },
  model: { name: 'fake', version: '0.0.0' },
};

/** What a scorer was told of one stream. */
export class FakeStream extends EventEmitter {
  readonly streamId: string;
  readonly options: StreamOptions;
  source: StreamSource;
  paused: boolean;
  closed = false;

  constructor(options: StreamOptions) {
    super();
    this.options = options;
    this.streamId = options.streamId;
    this.source = options.source as StreamSource;
    this.paused = options.paused ?? false;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  setSource(source: StreamSource): void {
    this.source = source;
  }

  close(cause?: Error): void {
    if (this.closed) return;
    this.closed = true;
    this.emit('close', cause);
  }

  /** Says this stream's next score or reason; what is not given is that of clean speech. */
  say(event: { type: 'score' } & Partial<StreamScore>): void;
  say(event: { type: 'noscore' } & Partial<StreamNoScore>): void;
  say({ type, ...given }: { type: 'score' | 'noscore' }): void {
    const fields = type === 'score' ? cleanScore : { reason: 'silence', since: 0 };
    this.emit(type, { type, streamId: this.streamId, sequence: 0, ...fields, ...heard, ...given });
  }
}

/**
 * Stands for a scorer where a test is about what the tap tells it and sends it, in what order and when things go wrong:
 * it says only what the test lets it say. Its endpoints are real sockets.
 */
export class FakeScorer extends EventEmitter {
  readonly streams: FakeStream[] = [];
  closed = false;
  /** When set, `addStream` throws it. */
  refusal: Error | undefined;
  #endpoint: ScorerEndpoint | undefined;
  readonly #sockets: Socket[] = [];
  /** Received datagrams as 'address:port ssrc'. */
  readonly heard = new Set<string>();

  static async create(): Promise<FakeScorer> {
    const scorer = new FakeScorer();
    scorer.#endpoint = await scorer.openEndpoint('first');
    return scorer;
  }

  /** As what `createMosObserver` takes. */
  get asScorer(): Scorer {
    return this as unknown as Scorer;
  }

  get openStreams(): FakeStream[] {
    return this.streams.filter(({ closed }) => !closed);
  }

  async openEndpoint(id: string): Promise<ScorerEndpoint> {
    const socket = createSocket('udp4');
    this.#sockets.push(socket);
    socket.on('message', (datagram: Buffer, { address, port }: RemoteInfo) => {
      if (datagram.length < 12 || (datagram[1] as number) >= 192) return; // RTCP
      this.heard.add(`${address}:${port} ${datagram.readUInt32BE(8)}`);
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return { id, address: '127.0.0.1', port: socket.address().port };
  }

  /** Says that it no longer receives at its endpoint, but at another. */
  async changeEndpoint(): Promise<ScorerEndpoint> {
    const to = await this.openEndpoint('second');
    const from = this.#endpoint as ScorerEndpoint;
    this.#endpoint = to;
    this.emit('endpointschange', [{ from, to }]);
    return to;
  }

  /** The process is gone, or back. */
  up = true;
  setUp(up: boolean): void {
    this.up = up;
    this.emit(up ? 'processrestarted' : 'processdied', {});
  }

  receives({ id }: ScorerEndpoint): boolean {
    return this.up && id === this.#endpoint?.id;
  }

  reserveEndpoint(): ScorerEndpoint {
    return this.#endpoint as ScorerEndpoint;
  }

  addStream(options: StreamOptions): FakeStream {
    if (this.refusal !== undefined) throw this.refusal;
    if (this.openStreams.some(({ streamId }) => streamId === options.streamId)) throw new Error('streamId in use');
    const stream = new FakeStream(options);
    this.streams.push(stream);
    return stream;
  }

  /** Whether packets came from where the stream was said to come from. */
  hears({ source: { address, port, ssrc } }: FakeStream): boolean {
    return this.heard.has(`${address}:${port} ${ssrc}`);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const stream of this.openStreams) stream.close();
    for (const socket of this.#sockets) socket.close();
    this.emit('close');
  }
}
