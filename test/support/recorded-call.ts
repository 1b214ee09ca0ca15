import type { NativeEngine } from '../../src/engine/contract.ts';
import { loadNative } from '../../src/engine/load.ts';
import type { StreamEvent } from '../../src/events.ts';
import type { Model } from '../../src/model/model.ts';
import { engineOptionsFor } from '../../src/scoring/engine-options.ts';
import type { GateOptions } from '../../src/scoring/score-policy.ts';
import { ScoringSession } from '../../src/scoring/session.ts';
import { rtpPacket } from './rtp-packet.ts';

/** The SDP of a browser, cut short. */
export const opusPayloadType = 111;
export const opusPayloadTypes = [
  { payloadType: opusPayloadType, mimeType: 'audio/opus', clockRateHz: 48000, channels: 2 },
];

/** An engine without sockets. */
export function offlineEngine(model: Model): NativeEngine {
  const hearing = {
    sockets: 0,
    address: '127.0.0.1',
    ports: [],
    receiveBufferBytes: 0,
    reorderMs: 60,
    concealMs: 120,
    gapMs: 1000,
    forgetMs: 60_000,
    maxStreams: 100,
  };
  return new (loadNative().Engine)(engineOptionsFor(model, hearing));
}

/** A session without sockets. */
export function offlineSession(model: Model, options: GateOptions = {}): ScoringSession {
  return new ScoringSession({ engine: offlineEngine(model), model, ...options });
}

const packetMs = 20;
const tickMs = 100;

/** What becomes of packet `index` at `nowMs`: the packets that arrive in its place (none: lost). */
export type Network = (packet: Uint8Array, index: number) => readonly Uint8Array[];

/** Plays one sender's packets to a session in the time of the recording, ticking ten times a second. */
export class RecordedCall {
  readonly events: StreamEvent[] = [];
  readonly session: ScoringSession;
  readonly streamId: string;
  nowMs = 1_800_000_000_000;
  ssrc = 0x1234;
  /** Close to its wrap. */
  sequenceNumber = 65_400;
  timestamp = 0xffff_0000;
  hostDrops = 0;
  #elapsedMs = 0;

  constructor(session: ScoringSession, streamId = 'a', payloadTypes = opusPayloadTypes) {
    this.session = session;
    this.streamId = streamId;
    session.addStream({ streamId, payloadTypes }, this.nowMs);
  }

  /** Sends payloads, one every 20 ms; an empty one (as an encoder with DTX gives) is time without a packet. */
  async send(payloads: readonly Uint8Array[], network: Network = (packet) => [packet], payloadType = opusPayloadType) {
    for (const [index, payload] of payloads.entries()) {
      const arrived = payload.length > 0 ? network(this.nextPacket(payload, payloadType), index) : [];
      for (const packet of arrived) this.session.pushRtp(this.streamId, packet, this.nowMs, this.hostDrops);
      this.timestamp += packetMs * 48;
      await this.#pass(packetMs);
    }
  }

  /** The next packet, of the present timestamp. */
  nextPacket(payload: Uint8Array, payloadType = opusPayloadType): Uint8Array {
    const { timestamp, ssrc } = this;
    return rtpPacket({ payloadType, sequenceNumber: this.sequenceNumber++, timestamp, ssrc, payload });
  }

  /** Samples as they are. */
  async hear(samples: Float32Array) {
    const step = packetMs * 16;
    for (let at = 0; at + step <= samples.length; at += step) {
      this.session.pushPcm(this.streamId, samples.subarray(at, at + step), this.nowMs);
      await this.#pass(packetMs);
    }
  }

  /** Nothing comes. */
  async wait(durationMs: number) {
    for (let passed = 0; passed < durationMs; passed += packetMs) await this.#pass(packetMs);
    this.timestamp += durationMs * 48;
  }

  /** The events since this was asked last. */
  take(): StreamEvent[] {
    return this.events.splice(0);
  }

  async #pass(durationMs: number) {
    this.nowMs += durationMs;
    this.#elapsedMs += durationMs;
    if (this.#elapsedMs % tickMs === 0) this.events.push(...(await this.session.tick(this.nowMs)));
  }
}

/** The reasons and `score`s in a row, each once. */
export function story(events: readonly StreamEvent[]): string[] {
  const words = events.map((event) => (event.type === 'score' ? 'score' : event.reason));
  return words.filter((word, index) => word !== words[index - 1]);
}

export const scoresOf = (events: readonly StreamEvent[]): number[] =>
  events.flatMap((event) => (event.type === 'score' ? [event.mosLqo] : []));

export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
