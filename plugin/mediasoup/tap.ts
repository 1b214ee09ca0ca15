import type { types } from 'mediasoup';
import { InvalidStateError } from '../../src/base/errors.ts';
import { logger } from '../../src/base/log.ts';
import type { StreamEvent } from '../../src/events.ts';
import type { Scorer, ScorerEndpoint, ScorerStream } from '../../src/index.ts';
import type { Thresholds } from '../../src/quality/thresholds.ts';
import type { MosEvent, ProducerOrigin } from '../feeds/events.ts';
import { ProducerVoice } from '../feeds/producer-state.ts';
import { payloadTypesOf } from './rtp-parameters.ts';
import type { TapLink, TapLinks } from './tap-links.ts';

const log = logger('tap');

/** RFC 6464. */
const audioLevelUri = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';

export interface TapOptions {
  readonly producer: types.Producer;
  readonly router: types.Router;
  readonly scorer: Scorer;
  readonly links: TapLinks;
  readonly participantId: string | undefined;
  readonly paused: boolean;
  readonly thresholds: Thresholds;
  /** Called once, when it is open. */
  readonly onOpen: () => void;
  /** Called before it closes by itself because of an error. */
  readonly onError: (error: Error) => void;
  readonly onEvent: (event: MosEvent) => void;
  /** Called once, when the tap closes by itself or by `close()`, before its last events. */
  readonly onClose: () => void;
}

/**
 * What a tap asks of a producer. No RTCP feedback: the scorer sends none, so mediasoup neither
 * stores packets for retransmission nor estimates bandwidth for it.
 */
export function tapCapabilities({ codecs = [], headerExtensions = [] }: types.RtpCapabilities): types.RtpCapabilities {
  return {
    codecs: codecs.filter(({ kind }) => kind === 'audio').map((codec) => ({ ...codec, rtcpFeedback: [] })),
    headerExtensions: headerExtensions.filter(({ kind, uri }) => kind === 'audio' && uri === audioLevelUri),
  };
}

/** The tap, its producer or its observer was closed while it was being opened. */
export class TapInterruptedError extends InvalidStateError {}

/** One producer on its way to the scorer: a consumer here, a stream there. */
export class Tap {
  participantId: string | undefined;
  readonly producer: types.Producer;
  readonly voice: ProducerVoice;
  readonly #options: TapOptions;
  #opened: Promise<void> | undefined;
  #paused: boolean;
  #closed = false;
  #wasOpen = false;
  #following = false;
  #link: TapLink | undefined;
  #consumer: types.Consumer | undefined;
  #stream: ScorerStream | undefined;
  readonly #close = () => this.close();

  constructor(options: TapOptions) {
    this.#options = options;
    this.#paused = options.paused;
    this.producer = options.producer;
    this.participantId = options.participantId;
    const { thresholds, onEvent } = options;
    this.voice = new ProducerVoice({ thresholds, startMs: Date.now() }, () => this.origin, onEvent);
    this.producer.observer.once('close', this.#close);
  }

  get closed(): boolean {
    return this.#closed;
  }

  get origin(): ProducerOrigin {
    const origin = { producerId: this.producer.id, routerId: this.#options.router.id };
    return this.participantId === undefined ? origin : { ...origin, participantId: this.participantId };
  }

  /** Opens it, once; a tap that cannot be opened closes. */
  open(): Promise<void> {
    this.#opened ??= this.#open();
    return this.#opened;
  }

  /** Paused, nothing is received and no event is emitted; resumed, scoring restarts. */
  async setPaused(paused: boolean): Promise<void> {
    this.#paused = paused;
    if (!paused) return this.#listen();
    this.#endStream();
    this.voice.pause(Date.now());
    await this.#request((consumer) => consumer.pause());
  }

  /** A process of the scorer went, or is back: nothing is sent to a port that may belong to another process by now. */
  async checkReceiver(): Promise<void> {
    if (this.#paused || this.#link === undefined) return;
    if (this.#options.scorer.receives(this.#link.endpoint)) await this.#listen();
    else await this.#request((consumer) => consumer.pause());
  }

  /** Follows the scorer to the endpoint that replaced this tap's, if one did. */
  async follow(): Promise<void> {
    if (this.#following) return;
    this.#following = true;
    try {
      while (!this.#closed && this.#link?.successor !== undefined) {
        await this.#attach(await this.#options.links.to(this.#link.successor));
      }
    } finally {
      this.#following = false;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.producer.observer.off('close', this.#close);
    this.#endStream();
    this.#consumer?.close();
    this.#options.onClose();
    if (this.#wasOpen || this.voice.hasSpoken) this.voice.end(Date.now());
  }

  async #open(): Promise<void> {
    try {
      await this.#attach(await this.#options.links.acquire());
      await this.follow();
    } catch (error) {
      this.close();
      throw error;
    }
    this.#checkOpen();
    this.#wasOpen = true;
    this.#options.onOpen();
  }

  /** Listens over this link, or the one that replaces it, in place of the present one. */
  async #attach(link: TapLink): Promise<void> {
    const consumer = await this.#consume(link);
    if (consumer === undefined) return this.#attach(await this.#options.links.to(link.successor as ScorerEndpoint));
    // It may have been closed between there and here, when there was nothing yet to be closed with it.
    if (this.#closed) consumer.close();
    this.#checkOpen();
    this.#consumer?.close();
    this.#link = link;
    this.#consumer = consumer;
    this.#stream?.setSource(sourceOf(link, consumer));
    this.#muteAs(consumer); // which may know more than the one before
    if (!this.#paused) await this.#listen();
  }

  /**
   * A consumer on this link, still paused: its packets must not come before the scorer knows their SSRC.
   * Undefined when the link was retired meanwhile.
   */
  async #consume(link: TapLink): Promise<types.Consumer | undefined> {
    this.#checkOpen();
    let consumer: types.Consumer;
    try {
      consumer = await link.transport.consume({
        producerId: this.producer.id,
        rtpCapabilities: tapCapabilities(this.#options.router.rtpCapabilities),
        paused: true,
        enableRtx: false,
        ignoreDtx: false,
        appData: { mediasoupMos: true },
      });
    } catch (error) {
      this.#checkOpen();
      if (link.successor !== undefined) return undefined;
      throw error;
    }
    if (this.#closed || link.transport.closed) consumer.close();
    this.#checkOpen();
    if (link.successor !== undefined) return undefined;
    if (consumer.closed) throw new InvalidStateError(`producer ${this.producer.id}: its tap's transport was closed`);
    consumer.on('producerpause', () => this.#muteAs(consumer));
    consumer.on('producerresume', () => this.#muteAs(consumer));
    consumer.on('transportclose', () => {
      if (link.successor === undefined) this.close();
    });
    return consumer;
  }

  /** Adds the consumer to the scorer, then lets its packets go. Does nothing while there is no living link, or once closed. */
  async #listen(): Promise<void> {
    if (this.#closed) return;
    if (this.#link === undefined || this.#consumer === undefined || this.#link.successor !== undefined) return;
    this.#stream ??= this.#addStream(this.#link, this.#consumer);
    if (!this.#options.scorer.receives(this.#link.endpoint)) return;
    await this.#request((consumer) => consumer.resume());
  }

  #addStream(link: TapLink, consumer: types.Consumer): ScorerStream {
    const { codecs, headerExtensions = [] } = consumer.rtpParameters;
    const audioLevel = headerExtensions.find(({ uri }) => uri === audioLevelUri);
    const stream = this.#options.scorer.addStream({
      streamId: consumer.id,
      source: sourceOf(link, consumer),
      payloadTypes: payloadTypesOf(codecs),
      ...(audioLevel === undefined ? {} : { audioLevelExtensionId: audioLevel.id }),
      paused: consumer.producerPaused,
    });
    const forward = (event: StreamEvent) => {
      if (this.#stream === stream) this.voice.hear(event, Date.now());
    };
    stream.on('score', forward);
    stream.on('noscore', forward);
    stream.on('close', (cause) => {
      if (this.#stream !== stream) return; // closed by this tap
      if (cause !== undefined) this.#options.onError(cause);
      this.close();
    });
    return stream;
  }

  #muteAs({ producerPaused }: types.Consumer): void {
    if (producerPaused) this.#stream?.pause();
    else this.#stream?.resume();
  }

  #endStream(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.close();
  }

  /** Asks the consumer, if there is one. That it was closed meanwhile is no failure. */
  async #request(ask: (consumer: types.Consumer) => Promise<void>): Promise<void> {
    const consumer = this.#consumer;
    if (consumer === undefined) return;
    try {
      await ask(consumer);
    } catch (error) {
      if (!this.#closed && !consumer.closed) throw error;
      log('producer %s: consumer closed meanwhile', this.producer.id);
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new TapInterruptedError(`producer ${this.producer.id}: closed while it was being tapped`);
  }
}

function sourceOf({ endpoint, transport }: TapLink, consumer: types.Consumer) {
  const ssrc = consumer.rtpParameters.encodings?.[0]?.ssrc;
  if (ssrc === undefined) throw new Error(`consumer ${consumer.id} has no ssrc`);
  return { endpoint, address: transport.tuple.localAddress, port: transport.tuple.localPort, ssrc };
}
