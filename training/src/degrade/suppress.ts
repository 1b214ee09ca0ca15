import { Fft } from '../audio/fft.ts';

const size = 512;
const hop = 128;
/** The noise in each bin: this quantile of its power over the clip ... */
const noiseQuantile = 0.2;
/** ... over what it is of the mean where the power is exponentially distributed, as of noise. */
const quantileOfMean = -Math.log(1 - noiseQuantile);

/**
 * Spectral subtraction of a noise estimate times `factor`, no bin lowered by more than `floorDb` (below 0). With a
 * factor above 2 it takes speech with the noise and leaves musical tones (M. Berouti et al., "Enhancement of speech
 * corrupted by acoustic noise", ICASSP 1979).
 */
export function suppress(samples: Float32Array, factor: number, floorDb: number): Float32Array {
  const fft = new Fft(size);
  const window = Float64Array.from({ length: size }, (_, n) => Math.sin((Math.PI * (n + 0.5)) / size));
  const frames = Math.ceil(samples.length / hop) + size / hop - 1;
  const spectra = Array.from({ length: frames }, (_, frame) => {
    const start = (frame + 1) * hop - size;
    const re = window.map((weight, n) => weight * (samples[start + n] ?? 0));
    const im = new Float64Array(size);
    fft.forward(re, im);
    return { re, im, start };
  });
  const noise = Float64Array.from({ length: size / 2 + 1 }, (_, bin) => {
    const powers = spectra.map(({ re, im }) => power(re, im, bin)).sort((a, b) => a - b);
    return (powers[Math.floor(noiseQuantile * powers.length)] as number) / quantileOfMean;
  });
  const lowest = 10 ** (floorDb / 10);
  const out = new Float32Array(samples.length);
  // Sine windows at a hop of a quarter add up to 2.
  const overlap = size / hop / 2;
  for (const { re, im, start } of spectra) {
    for (let bin = 0; bin < size; bin++) {
      const mirrored = Math.min(bin, size - bin);
      const gain = Math.max(lowest, 1 - (factor * (noise[mirrored] as number)) / (power(re, im, bin) + 1e-20));
      const amplitude = Math.sqrt(gain);
      re[bin] = (re[bin] as number) * amplitude;
      im[bin] = (im[bin] as number) * amplitude;
    }
    fft.inverse(re, im);
    for (let n = Math.max(0, -start); n < size && start + n < out.length; n++) {
      out[start + n] = (out[start + n] as number) + ((re[n] as number) * (window[n] as number)) / overlap;
    }
  }
  return out;
}

function power(re: Float64Array, im: Float64Array, bin: number): number {
  return (re[bin] as number) ** 2 + (im[bin] as number) ** 2;
}
