import { sampleRateHz } from './ffmpeg.ts';

/** Samples per frame of the log-mel front end (10 ms). */
export const hopSamples = 160;

/** Frames per second. */
export const framesPerSecond = sampleRateHz / hopSamples;

/** 10 log10 of the mean square; a sine of full scale has -3 dB. */
export function levelDb(samples: Float32Array): number {
  let energy = 0;
  for (const sample of samples) energy += sample * sample;
  return 10 * Math.log10(energy / Math.max(1, samples.length) + 1e-12);
}

/** Level of each whole 10 ms, dB. */
export function frameLevelsDb(samples: Float32Array): Float32Array {
  return Float32Array.from({ length: Math.floor(samples.length / hopSamples) }, (_, frame) =>
    levelDb(samples.subarray(frame * hopSamples, (frame + 1) * hopSamples)),
  );
}

/** Speech lies between these below the level that 5 % of the frames exceed, dB. */
const speechRangeDb = { least: 20, most: 35 };
/** Speech is so far above the level that 5 % of the frames stay below: the recording's own noise, dB. */
const aboveNoiseDb = 10;
/** Nothing below this is speech, dB. */
const lowestActiveDb = -60;
/** Pauses up to this long inside speech count as speech, frames. */
const bridgedFrames = 10;

/**
 * Where a clean recording has speech: one value per 10 ms. By level alone, which only holds for clean speech: frames
 * 10 dB over the noise between the words, and 20 to 35 dB below the loud ones; pauses up to 100 ms are bridged.
 */
export function speechActivity(clean: Float32Array): Uint8Array {
  const levels = frameLevelsDb(clean);
  const sorted = [...levels].sort((a, b) => a - b);
  const quantile = (share: number) => sorted[Math.floor(share * sorted.length)] ?? lowestActiveDb;
  const loud = quantile(0.95);
  const overNoise = Math.min(quantile(0.05) + aboveNoiseDb, loud - speechRangeDb.least);
  const threshold = Math.max(overNoise, loud - speechRangeDb.most, lowestActiveDb);
  const active = Uint8Array.from(levels, (level) => (level > threshold ? 1 : 0));
  let last = -1;
  for (let frame = 0; frame < active.length; frame++) {
    if (!active[frame]) continue;
    if (last >= 0 && frame - last <= bridgedFrames) active.fill(1, last, frame);
    last = frame;
  }
  return active;
}

/** The level of the frames marked active, dB; of all frames when none is. */
export function activeLevelDb(samples: Float32Array, active: Uint8Array): number {
  let energy = 0;
  let count = 0;
  for (const [frame, isActive] of active.entries()) {
    if (!isActive) continue;
    for (const sample of samples.subarray(frame * hopSamples, (frame + 1) * hopSamples)) energy += sample * sample;
    count += hopSamples;
  }
  return count > 0 ? 10 * Math.log10(energy / count + 1e-12) : levelDb(samples);
}

export function scaled(samples: Float32Array, gainDb: number): Float32Array {
  const factor = 10 ** (gainDb / 20);
  return samples.map((sample) => sample * factor);
}
