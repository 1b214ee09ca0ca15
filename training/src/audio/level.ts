import { sampleRateHz } from './ffmpeg.ts';

/** Samples per frame of the log-mel front end (10 ms). */
export const hopSamples = 160;

/** 10 log10 of the mean square; a sine of full scale has -3 dB. */
export function levelDb(samples: Float32Array): number {
  return 10 * Math.log10(energyOf(samples) / Math.max(1, samples.length) + 1e-12);
}

function energyOf(samples: Float32Array): number {
  let energy = 0;
  for (const sample of samples) energy += sample * sample;
  return energy;
}

function sum(values: Uint8Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** Level of each whole 10 ms, dB. */
export function frameLevelsDb(samples: Float32Array): Float32Array {
  return Float32Array.from({ length: Math.floor(samples.length / hopSamples) }, (_, frame) =>
    levelDb(samples.subarray(frame * hopSamples, (frame + 1) * hopSamples)),
  );
}

/** ITU-T P.56, method B. */
const activity = {
  /** Of the envelope, seconds. */
  timeConstant: 0.03,
  /** How long activity outlasts the envelope, seconds. */
  hangOver: 0.2,
  /** From the active level down to the threshold. */
  marginDb: 15.9,
};
/** Thresholds that are tried: 2 to the power of -1, -2, ... of full scale (ITU-T P.56, table 1). */
const thresholdCount = 15;
const hangOverSamples = activity.hangOver * sampleRateHz;

/**
 * Where a clean recording has speech: one value per 10 ms, 1 where at least half of it is active by ITU-T P.56, method B:
 * while the envelope is less than 15.9 dB below the active level, and for 0.2 s after that. Holds for clean speech alone.
 */
export function speechActivity(clean: Float32Array): Uint8Array {
  const envelope = envelopeOf(clean);
  const threshold = activityThreshold(clean, envelope);
  const active = activeSamples(envelope, threshold);
  return Uint8Array.from({ length: Math.floor(clean.length / hopSamples) }, (_, frame) =>
    2 * sum(active.subarray(frame * hopSamples, (frame + 1) * hopSamples)) >= hopSamples ? 1 : 0,
  );
}

/** The magnitude, smoothed twice. */
function envelopeOf(samples: Float32Array): Float32Array {
  const keep = Math.exp(-1 / (sampleRateHz * activity.timeConstant));
  const envelope = new Float32Array(samples.length);
  let [once, twice] = [0, 0];
  for (let n = 0; n < samples.length; n++) {
    once = keep * once + (1 - keep) * Math.abs(samples[n] as number);
    twice = keep * twice + (1 - keep) * once;
    envelope[n] = twice;
  }
  return envelope;
}

/** 1 for each sample at or shortly after one that reaches the threshold. */
function activeSamples(envelope: Float32Array, threshold: number): Uint8Array {
  const active = new Uint8Array(envelope.length);
  let left = 0;
  for (let n = 0; n < envelope.length; n++) {
    left = (envelope[n] as number) >= threshold ? hangOverSamples : left - 1;
    active[n] = left > 0 ? 1 : 0;
  }
  return active;
}

/** The threshold that lies `marginDb` below the level of the samples that it makes active; infinite where none are. */
function activityThreshold(samples: Float32Array, envelope: Float32Array): number {
  const energy = energyOf(samples);
  // From the highest threshold down: the margin grows, until it is reached between two of them.
  let above: { thresholdDb: number; marginDb: number } | undefined;
  for (let power = -1; power >= -thresholdCount; power--) {
    const thresholdDb = 20 * power * Math.log10(2);
    const count = sum(activeSamples(envelope, 2 ** power));
    if (count === 0) continue;
    const marginDb = 10 * Math.log10(energy / count) - thresholdDb;
    if (marginDb >= activity.marginDb) {
      const share = above ? (activity.marginDb - above.marginDb) / (marginDb - above.marginDb) : 1;
      const from = above?.thresholdDb ?? thresholdDb;
      return 10 ** ((from + share * (thresholdDb - from)) / 20);
    }
    above = { thresholdDb, marginDb };
  }
  return Number.POSITIVE_INFINITY;
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
