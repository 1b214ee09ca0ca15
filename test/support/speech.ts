import type { NativeOpusEncoderOptions } from '../../src/engine/contract.ts';
import { loadNative } from '../../src/engine/load.ts';
import { type Clip, clipSampleRateHz, readClip } from './clips.ts';

/** Encoder options for mono speech at 16 kHz: 20 ms packets, 32 kbit/s, VoIP; `changes` win. */
export const opusOptions = (changes: Partial<NativeOpusEncoderOptions> = {}): NativeOpusEncoderOptions => ({
  sampleRateHz: clipSampleRateHz,
  channels: 1,
  bitrate: 32_000,
  frameMs: 20,
  complexity: 5,
  fec: false,
  packetLossPercent: 0,
  dtx: false,
  maxBandwidthHz: 0,
  application: 2048,
  ...changes,
});

/** 16 kHz samples as Opus packets of 20 ms. */
export const encode = (samples: Float32Array, changes: Partial<NativeOpusEncoderOptions> = {}): Uint8Array[] =>
  loadNative().encodeOpus(samples, opusOptions(changes));

/** A clip as Opus packets of 20 ms, encoded as a browser would: mono, 32 kbit/s, in-band FEC. */
export const opusPackets = (clip: Clip): Uint8Array[] => encode(readClip(clip), { fec: true, packetLossPercent: 5 });
