import {
  codecIds,
  type NativeAddon,
  type NativeEngine,
  type NativePayloadType,
  pollFields,
  ringKinds,
  windowFields,
} from '../../../src/engine/contract.ts';
import { hopSamples } from '../audio/level.ts';

/** One thing that reaches the engine, at the time of its first sample, ms from the start of the clip. */
export type Arrival = { atMs: number } & ({ packet: Uint8Array } | { samples: Float32Array });

/** What the engine heard as talk: what a live call would be scored on. */
export interface Heard {
  frames: number;
  /** [frames][160], -1 to 1. */
  pcm: Float32Array;
  /** [frames][mels], log10(power + floor), not normalised. */
  logMel: Float32Array;
  /** Largest absolute sample of each frame. */
  peaks: Float32Array;
  /** When each frame was, ms from the start of the clip. */
  timesMs: Float64Array;
  /** Share of the frames that stand for lost packets. */
  lostRatio: number;
  /** Audio bandwidth of the newest packet, Hz; 0 = no packets. */
  bandwidthHz: number;
}

/** Arbitrary time of the start of a clip, Unix ms; 0 means "never" to the engine. */
const epochMs = 1_000_000;
/** Far more than what can enter between two reads. */
const ringFrames = 512;

/** Listens to a clip by the engine that serves live calls: jitter, loss, FEC, concealment and the talk gate are its own. */
export function listen(
  addon: NativeAddon,
  arrivals: readonly Arrival[],
  payloadTypes: readonly NativePayloadType[],
  engineOptions: ListenOptions,
): Heard {
  const logMel = new Lane(addon, ringKinds.logMel, addon.features.mels, payloadTypes, engineOptions);
  const pcm = new Lane(addon, ringKinds.pcm, hopSamples, payloadTypes, engineOptions);
  const end = endOf(arrivals, engineOptions);
  for (const lane of [logMel, pcm]) {
    for (const arrival of arrivals) lane.take(arrival);
    lane.finish(end);
  }
  const { bandwidthHz } = pcm.stats;
  const lostRatio = pcm.frames > 0 ? pcm.lostFrames / pcm.frames : 0;
  const samples = pcm.values();
  const peaks = Float32Array.from({ length: pcm.frames }, (_, frame) => {
    const of = samples.subarray(frame * hopSamples, (frame + 1) * hopSamples);
    return of.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
  });
  const timesMs = Float64Array.from(pcm.timesMs);
  return { frames: pcm.frames, pcm: samples, logMel: logMel.values(), peaks, timesMs, lostRatio, bandwidthHz };
}

/** What passes the talk gate of a clip, and when: its samples alone. */
export function listenToSamples(
  addon: NativeAddon,
  arrivals: readonly Arrival[],
  payloadTypes: readonly NativePayloadType[],
  options: ListenOptions,
): Pick<Heard, 'pcm' | 'timesMs'> {
  const pcm = new Lane(addon, ringKinds.pcm, hopSamples, payloadTypes, options);
  for (const arrival of arrivals) pcm.take(arrival);
  pcm.finish(endOf(arrivals, options));
  return { pcm: pcm.values(), timesMs: Float64Array.from(pcm.timesMs) };
}

function endOf(arrivals: readonly Arrival[], { reorderMs, gapMs }: ListenOptions): number {
  return Math.max(...arrivals.map(({ atMs }) => atMs)) + reorderMs + gapMs;
}

export interface ListenOptions {
  reorderMs: number;
  concealMs: number;
  gapMs: number;
}

/** One engine with one stream, read out as it fills. */
class Lane {
  readonly #engine: NativeEngine;
  readonly #handle: number;
  readonly #valuesPerFrame: number;
  readonly #chunks: Float32Array[] = [];
  readonly #row = new Float64Array(pollFields.length);
  readonly timesMs: number[] = [];
  frames = 0;
  lostFrames = 0;
  stats = { bandwidthHz: 0 };

  constructor(
    addon: NativeAddon,
    ringKind: number,
    valuesPerFrame: number,
    payloadTypes: readonly NativePayloadType[],
    options: ListenOptions,
  ) {
    this.#valuesPerFrame = valuesPerFrame;
    this.#engine = new addon.Engine({
      ...{ sockets: 0, address: '127.0.0.1', ports: [], receiveBufferBytes: 0, maxStreams: 1 },
      ...{ ringKind, ringFrames, forgetMs: 600_000, ...options },
    });
    this.#handle = this.#engine.addStream({
      ...{ socket: -1, sourceAddress: '127.0.0.1', sourcePort: 1, ssrc: clipSsrc, audioLevelId: 0 },
      payloadTypes: [...payloadTypes],
    });
  }

  take(arrival: Arrival): void {
    const atMs = epochMs + arrival.atMs;
    if ('packet' in arrival) this.#engine.pushRtp(this.#handle, arrival.packet, atMs, 0);
    else this.#engine.pushPcm(this.#handle, arrival.samples, atMs);
    this.#engine.advance(atMs);
    this.#read(atMs);
  }

  finish(atMs: number): void {
    this.#engine.advance(epochMs + atMs);
    this.#read(epochMs + atMs);
    this.stats = this.#engine.streamStats(this.#handle);
    this.#engine.close();
  }

  values(): Float32Array {
    const values = new Float32Array(this.frames * this.#valuesPerFrame);
    let at = 0;
    for (const chunk of this.#chunks) {
      values.set(chunk, at);
      at += chunk.length;
    }
    return values;
  }

  #read(nowMs: number): void {
    this.#engine.poll(this.#row, nowMs);
    const fresh = (this.#row[pollFields.indexOf('talkFrames')] as number) - this.frames;
    if (fresh === 0) return;
    const values = new Float32Array(fresh * this.#valuesPerFrame);
    const info = new Float64Array(windowFields.length);
    this.#engine.readWindows(Float64Array.of(this.#handle), fresh, false, lowestLog10, values, info);
    this.#chunks.push(values);
    const endMs = (info[windowFields.indexOf('windowEndMs')] as number) - epochMs;
    for (let frame = 0; frame < fresh; frame++) this.timesMs.push(endMs - 10 * (fresh - frame));
    this.frames += fresh;
    this.lostFrames += info[windowFields.indexOf('lostFrames')] as number;
  }
}

export const clipSsrc = 0x6d6f73;

/** Below anything the front end gives (its floor is 1e-14). */
const lowestLog10 = -20;

export const payloadTypes = {
  opus: { payloadType: 111, codec: codecIds.opus, clockRateHz: 48_000 },
  pcmu: { payloadType: 0, codec: codecIds.pcmu, clockRateHz: 8000 },
  pcma: { payloadType: 8, codec: codecIds.pcma, clockRateHz: 8000 },
} as const;
