import type { MosEvent, MosStatusEvent, ProducerOrigin, ProducerSnapshot } from '../../plugin/feeds/events.ts';
import type { MosSource } from '../../plugin/feeds/mos-source.ts';
import type { MosObserverEvents, MosObserverObserverEvents } from '../../plugin/feeds/observer-events.ts';
import { ProducerVoice } from '../../plugin/feeds/producer-state.ts';
import { SafeEmitter } from '../../src/base/emitter.ts';
import { InvalidStateError } from '../../src/base/errors.ts';
import { logger } from '../../src/base/log.ts';
import type { PayloadTypeOptions } from '../../src/engine/codecs.ts';
import type { Scorer } from '../../src/host/scorer.ts';
import type { ScorerStream } from '../../src/host/stream.ts';
import { defaultThresholds } from '../../src/quality/thresholds.ts';
import { type DropReason, type SourceLimits, SourceTable } from './source-table.ts';

const log = logger('serve');

/** What stands in events for the router of a media server. */
export const rtpRouterId = 'rtp';

/** How often time passes for silent senders, ms. */
const everyMs = 1000;

interface Sender {
  readonly stream: ScorerStream;
  readonly voice: ProducerVoice;
}

export interface RtpSourceOptions extends SourceLimits {
  readonly scorer: Scorer;
  readonly payloadTypes: readonly PayloadTypeOptions[];
  /** The `participantId` of a sender; undefined = it has none. Default: none has. */
  readonly nameOf?: (key: string) => string | undefined;
}

/**
 * Scores each sender of RTP, with the events of a `MosObserver`: each sender is a producer, named by its address, of the
 * router 'rtp'.
 */
export class RtpSource extends SafeEmitter<MosObserverEvents> implements MosSource {
  readonly observer = new SafeEmitter<MosObserverObserverEvents>();
  readonly routerId = rtpRouterId;
  readonly #options: RtpSourceOptions;
  readonly #table: SourceTable;
  readonly #senders = new Map<string, Sender>();
  readonly #timer: NodeJS.Timeout;
  readonly #dropped: Record<DropReason, number> = {
    'not-rtp': 0,
    'other-ssrc': 0,
    'unknown-source': 0,
    'too-many-sources': 0,
  };
  #closed = false;

  constructor(options: RtpSourceOptions) {
    super();
    this.#options = options;
    this.#table = new SourceTable(options);
    this.#timer = setInterval(() => this.#pass(), everyMs);
  }

  get closed(): boolean {
    return this.#closed;
  }

  get current(): MosStatusEvent[] {
    return [...this.#senders.values()].flatMap(({ voice }) => voice.status ?? []);
  }

  get snapshot(): ProducerSnapshot[] {
    return [...this.#senders.values()].flatMap(({ voice }) => (voice.hasSpoken ? voice.snapshot : []));
  }

  /** Datagrams that were left out, by reason. */
  get dropped(): Readonly<Record<DropReason, number>> {
    return this.#dropped;
  }

  /** A datagram from there; its bytes may be used again afterwards. */
  receive(key: string, packet: Uint8Array): void {
    if (this.#closed) return;
    const verdict = this.#table.look(key, packet, performance.now());
    if (verdict.kind === 'dropped') {
      this.#dropped[verdict.why]++;
    } else if (verdict.kind !== 'probation') {
      const sender = verdict.kind === 'new' ? this.#add(verdict.key) : this.#senders.get(verdict.key);
      sender?.stream.pushRtp(packet);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    for (const key of [...this.#senders.keys()]) this.#remove(key);
    this.observer.safeEmit('close');
  }

  #add(key: string): Sender | undefined {
    const { scorer, payloadTypes, nameOf } = this.#options;
    const participantId = nameOf?.(key);
    const origin: ProducerOrigin = {
      producerId: key,
      routerId: rtpRouterId,
      ...(participantId === undefined ? {} : { participantId }),
    };
    try {
      const stream = scorer.addStream({ streamId: key, payloadTypes });
      const voice = new ProducerVoice(
        { thresholds: defaultThresholds, startMs: Date.now() },
        () => origin,
        (event) => this.#say(event),
      );
      const sender = { stream, voice };
      this.#senders.set(key, sender);
      stream.on('score', (event) => voice.hear(event, Date.now()));
      stream.on('noscore', (event) => voice.hear(event, Date.now()));
      stream.on('close', () => this.#remove(key));
      log({ key }, 'a new sender');
      return sender;
    } catch (error) {
      if (!(error instanceof InvalidStateError)) throw error;
      // The scorer has all streams that it takes, or is closed.
      this.#table.delete(key);
      this.#dropped['too-many-sources']++;
      log.warn({ key }, 'sender not taken: %s', error.message);
      return undefined;
    }
  }

  #remove(key: string): void {
    const sender = this.#senders.get(key);
    if (sender === undefined) return;
    this.#senders.delete(key);
    this.#table.delete(key);
    sender.stream.close();
    sender.voice.end(Date.now());
    log({ key }, 'a sender is gone');
  }

  #pass(): void {
    for (const key of this.#table.expire(performance.now())) this.#remove(key);
    for (const { voice } of this.#senders.values()) voice.advance(Date.now());
  }

  #say(event: MosEvent): void {
    // Name and argument belong together, which the compiler cannot see of a union.
    (this as SafeEmitter<Record<string, [MosEvent]>>).safeEmit(event.type, event);
  }
}
