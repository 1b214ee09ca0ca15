import type { types } from 'mediasoup';
import { logger } from '../../src/base/log.ts';
import { type AudioCodec, decodable } from '../../src/engine/codecs.ts';
import { DownlinkWindow } from '../../src/quality/downlink-window.ts';
import { listeningQuality } from '../../src/quality/listening.ts';
import { ReportWatch } from '../../src/quality/report-watch.ts';
import type { MosStatusEvent, ProducerOrigin } from '../feeds/events.ts';
import type { MosListeningEvent } from '../feeds/listening-event.ts';
import type { Askable } from './listening-budget.ts';
import { payloadTypesOf } from './rtp-parameters.ts';

const log = logger('listening');

/** A packet of 20 ms and the look-ahead of Opus, ms. */
const codecMs = 26.5;

/** What is known of a producer at the server. */
export interface ObservedContent {
  readonly origin: ProducerOrigin;
  readonly status: MosStatusEvent | undefined;
}

export interface DownlinkOptions {
  readonly consumer: types.Consumer;
  readonly listenerId: string | undefined;
  /** Undefined while the producer is not observed. */
  readonly content: () => ObservedContent | undefined;
  readonly onEvent: (event: MosListeningEvent) => void;
}

type Outcome = Omit<MosListeningEvent, 'type' | 'time' | 'consumerId' | 'listenerId' | keyof ProducerOrigin>;

/** One consumer: its statistics in, `listening` events out. */
export class Downlink implements Askable {
  readonly #options: DownlinkOptions;
  readonly #window = new DownlinkWindow();
  readonly #reports = new ReportWatch();
  readonly #codec: AudioCodec | undefined;
  readonly #fecPossible: boolean;
  #newest: MosListeningEvent | undefined;

  constructor(options: DownlinkOptions) {
    this.#options = options;
    const [codec] = options.consumer.rtpParameters.codecs;
    this.#codec = decodable(payloadTypesOf(codec === undefined ? [] : [codec])).codec;
    this.#fecPossible = Number(codec?.parameters?.useinbandfec) === 1;
  }

  get listenerId(): string | undefined {
    return this.#options.listenerId;
  }

  get newest(): MosListeningEvent | undefined {
    return this.#newest;
  }

  /** Asks mediasoup, once, and emits what came of it; nothing where the consumer was closed meanwhile. */
  async ask(): Promise<void> {
    const { consumer } = this.#options;
    let outcome: Outcome;
    try {
      const stats = await consumer.getStats();
      outcome = this.#outcomeOf(stats);
    } catch (error) {
      if (!consumer.closed) log('consumer %s: no statistics: %O', consumer.id, error);
      outcome = { reason: 'failed' };
    }
    const origin = this.#options.content()?.origin;
    if (consumer.closed || origin === undefined) return;
    const { listenerId } = this.#options;
    const listener = listenerId === undefined ? {} : { listenerId };
    this.#newest = { type: 'listening', ...origin, consumerId: consumer.id, ...listener, time: Date.now(), ...outcome };
    this.#options.onEvent(this.#newest);
  }

  #outcomeOf(stats: (types.ConsumerStat | types.ProducerStat)[]): Outcome {
    const sent = stats.find(({ type }) => type === 'outbound-rtp');
    const received = stats.find(({ type }) => type === 'inbound-rtp');
    if (sent === undefined) return { reason: 'failed' };
    const { consumer } = this.#options;
    const nowMs = performance.now();
    this.#window.add({ packetsSent: sent.packetCount, packetsLost: sent.packetsLost }, nowMs);
    if (consumer.paused || consumer.producerPaused) return { reason: 'paused' };
    const { packetsLost, fractionLost } = sent;
    const roundTripMs = knownMs(sent.roundTripTime);
    if (!this.#reports.isAlive({ roundTripMs, packetsLost, fractionLost }, nowMs)) return { reason: 'no-report' };
    const { lossRatio } = this.#window;
    const oneWayMs =
      roundTripMs === undefined ? undefined : roundTripMs / 2 + (knownMs(received?.roundTripTime) ?? 0) / 2 + codecMs;
    const way = {
      ...(lossRatio === undefined ? {} : { lossRatio }),
      ...(roundTripMs === undefined ? {} : { roundTripMs }),
      ...(oneWayMs === undefined ? {} : { oneWayMs }),
    };
    if (lossRatio === undefined) return { ...way, reason: 'too-few-packets' };
    if (this.#codec === undefined) return { ...way, reason: 'unsupported-codec' };
    const status = this.#options.content()?.status;
    if (status?.type !== 'score') return { ...way, reason: 'no-score' };
    const { mosLqo, interval } = status;
    const fecPossible = this.#fecPossible;
    return {
      ...way,
      mosLqo,
      ...listeningQuality({ mosLqo, interval, codec: this.#codec, lossRatio, fecPossible, oneWayMs }),
    };
  }
}

/** mediasoup states 0 where there is no round trip yet. */
const knownMs = (roundTripMs: number | undefined) =>
  roundTripMs !== undefined && roundTripMs > 0 ? roundTripMs : undefined;
