import { sampleRateHz } from './ffmpeg.ts';

/**
 * Butterworth low- or high-pass of an even order as a cascade of second-order sections (bilinear transform; R. Bristow-
 * Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients").
 */
export function butterworth(samples: Float32Array, type: 'low' | 'high', cutHz: number, order: number): Float32Array {
  if (!(cutHz > 0 && cutHz < sampleRateHz / 2)) throw new RangeError(`cutHz must be above 0 and below 8000: ${cutHz}`);
  if (order < 2 || order % 2 !== 0) throw new RangeError(`order must be even and at least 2: ${order}`);
  let filtered = samples;
  for (let section = 0; section < order / 2; section++) {
    const q = 1 / (2 * Math.cos((Math.PI * (2 * section + 1)) / (2 * order)));
    filtered = biquad(filtered, edgeSection(type, cutHz, q));
  }
  return filtered;
}

/** Coefficients of a second-order section, those of the output without the first, which is 1. */
export interface Section {
  b: readonly [number, number, number];
  a: readonly [number, number];
}

/** Intermediate values of the cookbook's formulae. */
function turn(hz: number, q: number): { cos: number; alpha: number } {
  const omega = (2 * Math.PI * hz) / sampleRateHz;
  return { cos: Math.cos(omega), alpha: Math.sin(omega) / (2 * q) };
}

function edgeSection(type: 'low' | 'high', cutHz: number, q: number): Section {
  const { cos, alpha } = turn(cutHz, q);
  const a0 = 1 + alpha;
  const edge = (type === 'low' ? 1 - cos : 1 + cos) / a0;
  return { b: [edge / 2, type === 'low' ? edge : -edge, edge / 2], a: [(-2 * cos) / a0, (1 - alpha) / a0] };
}

/** Raises (above 0 dB) or lowers the band around `hz`, the wider the smaller `q` (the cookbook's peaking equaliser). */
export function bellSection(hz: number, gainDb: number, q: number): Section {
  const gain = 10 ** (gainDb / 40);
  const { cos, alpha } = turn(hz, q);
  const a0 = 1 + alpha / gain;
  const middle = (-2 * cos) / a0;
  return { b: [(1 + alpha * gain) / a0, middle, (1 - alpha * gain) / a0], a: [middle, (1 - alpha / gain) / a0] };
}

/** Through one second-order section (direct form I). */
export function biquad(samples: Float32Array, { b: [b0, b1, b2], a: [a1, a2] }: Section): Float32Array {
  const out = new Float32Array(samples.length);
  let [x1, x2, y1, y2] = [0, 0, 0, 0];
  for (let n = 0; n < samples.length; n++) {
    const x = samples[n] as number;
    const y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2;
    x2 = x1;
    x1 = x;
    y2 = y1;
    y1 = y;
    out[n] = y;
  }
  return out;
}
