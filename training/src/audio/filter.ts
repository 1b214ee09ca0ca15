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
    filtered = biquad(filtered, type, cutHz, q);
  }
  return filtered;
}

function biquad(samples: Float32Array, type: 'low' | 'high', cutHz: number, q: number): Float32Array {
  const omega = (2 * Math.PI * cutHz) / sampleRateHz;
  const alpha = Math.sin(omega) / (2 * q);
  const cos = Math.cos(omega);
  const a0 = 1 + alpha;
  const edge = (type === 'low' ? 1 - cos : 1 + cos) / a0;
  const [b0, b1] = [edge / 2, type === 'low' ? edge : -edge];
  const [a1, a2] = [(-2 * cos) / a0, (1 - alpha) / a0];
  const out = new Float32Array(samples.length);
  let [x1, x2, y1, y2] = [0, 0, 0, 0];
  for (let n = 0; n < samples.length; n++) {
    const x = samples[n] as number;
    const y = b0 * x + b1 * x1 + b0 * x2 - a1 * y1 - a2 * y2;
    [x2, x1, y2, y1] = [x1, x, y1, y];
    out[n] = y;
  }
  return out;
}
