import type { NativeAddon, NativePayloadType } from '../../../src/engine/contract.ts';
import { runProgram, sampleRateHz } from '../audio/ffmpeg.ts';
import type { Random } from '../run/random.ts';
import { type Arrival, clipSsrc, type Heard, type ListenOptions, listen, payloadTypes } from './listen.ts';
import { draw, type Leg, type Loss } from './recipe.ts';
import { lostPackets, rtpPacket } from './rtp.ts';

/** What was drawn for the last leg of a clip. */
export type DrawnLeg =
  | { codec: 'pcm' }
  | { codec: 'pcmu' | 'pcma'; loss: DrawnLoss | null }
  | {
      codec: 'opus';
      bitrate: number;
      frameMs: number;
      complexity: number;
      fec: boolean;
      dtx: boolean;
      maxBandwidthHz: number;
      loss: DrawnLoss | null;
    };

export interface DrawnLoss {
  ratio: number;
  /** Mean length of a run of lost packets. */
  burst: number;
}

export function drawLeg(leg: Leg, random: Random): DrawnLeg {
  if (leg.codec === 'pcm') return { codec: 'pcm' };
  const loss = leg.loss ? drawLoss(leg.loss, random) : null;
  if (leg.codec !== 'opus') return { codec: leg.codec, loss };
  return {
    codec: 'opus',
    bitrate: Math.round(draw(leg.bitrate, random)),
    frameMs: draw(leg.frameMs, random),
    complexity: Math.round(draw(leg.complexity, random)),
    fec: random.chance(leg.fec),
    dtx: random.chance(leg.dtx),
    maxBandwidthHz: draw(leg.maxBandwidthHz, random),
    loss,
  };
}

function drawLoss({ probability, ratio, burst }: Loss, random: Random): DrawnLoss | null {
  const applied = random.chance(probability);
  const drawn = { ratio: draw(ratio, random), burst: draw(burst, random) };
  return applied ? drawn : null;
}

/** What is sent over a leg. */
export interface Sent {
  /** Packets, or samples in pieces of 20 ms. */
  arrivals: Arrival[];
  types: NativePayloadType[];
}

/** Sends a clip over its last leg and listens at the other end. */
export async function overLeg(
  samples: Float32Array,
  leg: DrawnLeg,
  { addon, random, options }: { addon: NativeAddon; random: Random; options: ListenOptions },
): Promise<Heard> {
  const { arrivals, types } = arriving(await encoded(samples, leg, addon), leg, random);
  return listen(addon, arrivals, types, options);
}

/** A clip as the payloads that its leg makes of it; `pcm` has none. */
export type Encoded = { samples: Float32Array } | { payloads: Uint8Array[]; packetMs: number };

export async function encoded(samples: Float32Array, leg: DrawnLeg, addon: NativeAddon): Promise<Encoded> {
  if (leg.codec === 'pcm') return { samples };
  return leg.codec === 'opus' ? opusPayloads(addon, samples, leg) : await g711Payloads(samples, leg.codec);
}

/** What arrives of it. Without `random` nothing is lost. */
export function arriving(encoded: Encoded, leg: DrawnLeg, random?: Random): Sent {
  if (leg.codec === 'pcm' || 'samples' in encoded) {
    return { arrivals: 'samples' in encoded ? pieces(encoded.samples) : [], types: [] };
  }
  const { payloads, packetMs } = encoded;
  const type = payloadTypes[leg.codec];
  const lost = leg.loss && random ? lostPackets(payloads.length, leg.loss.ratio, leg.loss.burst, random) : [];
  const first = {
    sequenceNumber: random?.integer(0, 0xffff) ?? 0,
    rtpTimestamp: random?.integer(0, 0xffffffff) ?? 0,
  };
  let sent = 0;
  const arrivals: Arrival[] = [];
  for (const [index, payload] of payloads.entries()) {
    // Frames that discontinuous transmission leaves out are not sent and have no number; the first of a pause is.
    const silent = (at: number) => leg.codec === 'opus' && leg.dtx && (payloads[at]?.length ?? 0) <= 2;
    if (silent(index) && silent(index - 1) && index > 0) continue;
    const sequenceNumber = first.sequenceNumber + sent++;
    if (lost[index]) continue;
    const rtpTimestamp = first.rtpTimestamp + (index * packetMs * type.clockRateHz) / 1000;
    const packet = rtpPacket({ payloadType: type.payloadType, sequenceNumber, rtpTimestamp, ssrc: clipSsrc }, payload);
    arrivals.push({ atMs: index * packetMs, packet });
  }
  return { arrivals, types: [type] };
}

function opusPayloads(addon: NativeAddon, samples: Float32Array, leg: DrawnLeg & { codec: 'opus' }) {
  const payloads = addon.encodeOpus(samples, {
    ...{ sampleRateHz, channels: 1, application: 2048, bitrate: leg.bitrate, frameMs: leg.frameMs },
    ...{ complexity: leg.complexity, fec: leg.fec, dtx: leg.dtx, maxBandwidthHz: leg.maxBandwidthHz },
    // The encoder spends bits on FEC only for a loss it is told of, as browsers tell it by RTCP.
    packetLossPercent: Math.round(100 * Math.min(0.3, leg.loss?.ratio ?? 0)),
  });
  return { payloads, packetMs: leg.frameMs };
}

async function g711Payloads(samples: Float32Array, codec: 'pcmu' | 'pcma') {
  const raw = await runProgram(
    'ffmpeg',
    [
      ...['-v', 'error', '-f', 'f32le', '-ar', `${sampleRateHz}`, '-ac', '1', '-i', 'pipe:0'],
      ...['-af', 'aresample=8000:resampler=soxr', '-f', codec === 'pcmu' ? 'mulaw' : 'alaw', 'pipe:1'],
    ],
    new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength),
  );
  const bytesPerPacket = 160; // 20 ms
  const payloads = Array.from({ length: Math.floor(raw.length / bytesPerPacket) }, (_, index) =>
    raw.subarray(index * bytesPerPacket, (index + 1) * bytesPerPacket),
  );
  return { payloads, packetMs: 20 };
}

/** Samples in pieces of 20 ms. */
function pieces(samples: Float32Array): Arrival[] {
  const length = sampleRateHz / 50;
  return Array.from({ length: Math.floor(samples.length / length) }, (_, index) => ({
    atMs: 20 * index,
    samples: samples.subarray(index * length, (index + 1) * length),
  }));
}
