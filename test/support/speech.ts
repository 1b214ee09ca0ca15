import { loadNative } from '../../src/native/load.ts';
import { type Clip, clipSampleRateHz, readClip } from './clips.ts';

/** A clip as Opus packets of 20 ms, encoded as a browser would: mono, 32 kbit/s, in-band FEC. */
export function opusPackets(clip: Clip): Uint8Array[] {
  return loadNative().encodeOpus(readClip(clip), {
    sampleRateHz: clipSampleRateHz,
    channels: 1,
    bitrate: 32_000,
    frameMs: 20,
    complexity: 5,
    fec: true,
    packetLossPercent: 5,
    dtx: false,
    maxBandwidthHz: 0,
    application: 2048,
  });
}
