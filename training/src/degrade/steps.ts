import { sampleRateHz } from '../audio/ffmpeg.ts';
import { convolve } from '../audio/fft.ts';
import { butterworth } from '../audio/filter.ts';
import { activeLevelDb, frameLevelsDb, hopSamples, levelDb, scaled } from '../audio/level.ts';
import type { Random } from '../run/random.ts';
import { stretch } from './stretch.ts';

/** A clip on its way: samples of the same length throughout, and where its speech is. */
export interface Clip {
  samples: Float32Array;
  /** 1 where somebody speaks, one value per 10 ms. */
  speech: Uint8Array;
  /** The samples before anything happened to them in time; absent: nothing has. */
  before?: Float32Array;
  /** Where each sample lies in `before`; absent: at its own place. */
  origin?: Float64Array;
}

/** The response from its strongest arrival on, so that the clip is not delayed; same energy as without the room. */
export function room(clip: Clip, response: Float32Array): Float32Array {
  let peak = 0;
  for (let n = 1; n < response.length; n++) {
    if (Math.abs(response[n] as number) > Math.abs(response[peak] as number)) peak = n;
  }
  const wet = convolve(clip.samples, response).subarray(peak, peak + clip.samples.length);
  return scaled(wet, levelDb(clip.samples) - levelDb(wet));
}

/**
 * An impulse response as of a shoebox room far from its walls: the direct sound, then noise that decays exponentially
 * (Polack's model) and loses its treble on the way.
 *
 * @param directDb energy of the direct sound over that of the rest
 */
export function madeRoom(decaySeconds: number, directDb: number, random: Random): Float32Array {
  const length = Math.max(2, Math.round(decaySeconds * sampleRateHz));
  const firstReflection = random.integer(16, 160);
  const tail = new Float32Array(length + firstReflection);
  let smooth = 0;
  for (let n = 0; n < length; n++) {
    const decay = 10 ** ((-3 * n) / length);
    smooth += (0.9 - 0.6 * (n / length)) * (random.normal() * decay - smooth);
    tail[firstReflection + n] = smooth;
  }
  const energy = tail.reduce((sum, sample) => sum + sample * sample, 0);
  const response = scaled(tail, -directDb - 10 * Math.log10(energy));
  response[0] = 1;
  return response;
}

/** Energy of the first 50 ms of a response over what comes later (clarity C50, ISO 3382-1), dB. */
export function clarityDb(response: Float32Array): number {
  let peak = 0;
  for (let n = 1; n < response.length; n++) {
    if (Math.abs(response[n] as number) > Math.abs(response[peak] as number)) peak = n;
  }
  const early = response.subarray(peak, peak + 800);
  const late = response.subarray(peak + 800);
  const energy = (part: Float32Array) => part.reduce((sum, sample) => sum + sample * sample, 0);
  return 10 * Math.log10((energy(early) + 1e-12) / (energy(late) + 1e-12));
}

/** Adds noise, repeated or cut to the clip's length from a random place, `snrDb` below the active speech. */
export function addNoise(clip: Clip, noise: Float32Array, snrDb: number, random: Random): Float32Array {
  const start = random.integer(0, noise.length - 1);
  const placed = Float32Array.from(clip.samples, (_, n) => noise[(start + n) % noise.length] as number);
  const gainDb = activeLevelDb(clip.samples, clip.speech) - snrDb - levelDb(placed);
  const factor = 10 ** (gainDb / 20);
  return clip.samples.map((sample, n) => sample + factor * (placed[n] as number));
}

export function lowpass(clip: Clip, hz: number, order: number): Float32Array {
  return butterworth(clip.samples, 'low', hz, order);
}

export function highpass(clip: Clip, hz: number, order: number): Float32Array {
  return butterworth(clip.samples, 'high', hz, order);
}

/** Limits the samples so that `share` of those in speech lie at the limit. */
export function overdrive(clip: Clip, share: number): Float32Array {
  const inSpeech = clip.samples.filter((_, n) => clip.speech[Math.floor(n / hopSamples)] === 1);
  const magnitudes = inSpeech.map(Math.abs).sort();
  if (magnitudes.length === 0) return clip.samples;
  const rank = Math.min(magnitudes.length - 1, Math.floor(magnitudes.length * (1 - share)));
  const limit = magnitudes[rank] as number;
  return clip.samples.map((sample) => Math.max(-limit, Math.min(limit, sample)));
}

/** Active speech at a level; what exceeds full scale is clipped. */
export function setLevel(clip: Clip, dbov: number): Float32Array {
  const raised = scaled(clip.samples, dbov - activeLevelDb(clip.samples, clip.speech));
  return raised.map((sample) => Math.max(-1, Math.min(1, sample)));
}

/** A noise gate with 5 ms ramps. */
export function gate(clip: Clip, belowDb: number, holdMs: number): Float32Array {
  const threshold = activeLevelDb(clip.samples, clip.speech) - belowDb;
  const levels = frameLevelsDb(clip.samples);
  let hold = 0;
  const open = Array.from(levels, (level) => {
    hold = level > threshold ? Math.ceil(holdMs / 10) + 1 : hold - 1;
    return hold > 0 ? 1 : 0;
  });
  return ramped(clip.samples, open);
}

/** Silences random pieces of `ms` until `ratio` of the clip is gone. */
export function dropouts(clip: Clip, ratio: number, ms: number, random: Random): Float32Array {
  const frames = Math.floor(clip.samples.length / hopSamples);
  const length = Math.max(1, Math.round(ms / 10));
  const open = new Array<number>(frames).fill(1);
  for (let piece = 0; piece < (ratio * frames) / length; piece++) {
    const start = random.integer(0, Math.max(0, frames - length));
    open.fill(0, start, start + length);
  }
  return ramped(clip.samples, open);
}

/**
 * Plays parts of `ms` at another speed, slower and faster in turn, until `ratio` of the clip is. The clip keeps its
 * length: its end is cut, or silent.
 */
export function stretched(
  clip: Clip,
  { ratio, factor, ms }: { ratio: number; factor: number; ms: number },
  random: Random,
): Clip {
  const length = Math.round((ms / 10) * hopSamples);
  const slots = Math.floor(clip.samples.length / length);
  const slotNumbers = Array.from({ length: slots }, (_, slot) => slot);
  const chosen = random
    .shuffle(slotNumbers)
    .slice(0, Math.round(ratio * slots))
    .sort((a, b) => a - b);
  const parts = chosen.map((slot, n) => ({
    from: slot * length,
    to: (slot + 1) * length,
    factor: n % 2 === 0 ? factor : 1 / factor,
  }));
  const { samples, origin } = stretch(clip.samples, parts);
  const same = new Float32Array(clip.samples.length);
  same.set(samples.subarray(0, same.length));
  const speech = clip.speech.map((_, frame) => {
    const from = origin[frame * hopSamples];
    return from === undefined ? 0 : (clip.speech[Math.floor(from / hopSamples)] ?? 0);
  });
  return { samples: same, speech };
}

/** Multiplies by one gain per 10 ms, changing over 5 ms. */
function ramped(samples: Float32Array, gains: readonly number[]): Float32Array {
  const out = new Float32Array(samples.length);
  let gain = gains[0] ?? 1;
  for (let n = 0; n < samples.length; n++) {
    const target = gains[Math.min(Math.floor(n / hopSamples), gains.length - 1)] ?? 1;
    gain += Math.max(-1 / 80, Math.min(1 / 80, target - gain));
    out[n] = gain * (samples[n] as number);
  }
  return out;
}
