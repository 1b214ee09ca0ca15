import type { GraphBuilder, Value } from './graph.ts';

/** Periodic Hann window. */
export function hann(size: number): Float64Array {
  return Float64Array.from({ length: size }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / size));
}

/**
 * The windowed discrete Fourier transform of every frame as one convolution: [batch, samples] to [batch, 2, bins,
 * frames], real part first. The frames lie wholly inside of the samples.
 */
export function shortTimeFourier(
  graph: GraphBuilder,
  samples: Value,
  window: Float64Array,
  hop: number,
  fftSize = window.length,
): Value {
  const size = window.length;
  const bins = Math.floor(fftSize / 2) + 1;
  const kernel = new Float32Array(2 * bins * size);
  for (let bin = 0; bin < bins; bin++) {
    for (let n = 0; n < size; n++) {
      const angle = (2 * Math.PI * ((bin * n) % fftSize)) / fftSize;
      kernel[bin * size + n] = (window[n] as number) * Math.cos(angle);
      kernel[(bins + bin) * size + n] = -(window[n] as number) * Math.sin(angle);
    }
  }
  const channel = graph.node('Unsqueeze', [samples, graph.integers([1])]);
  const weights = graph.constant(kernel, [2 * bins, 1, size]);
  const parts = graph.node('Conv', [channel, weights], { kernel_shape: [size], strides: [hop] });
  return graph.node('Reshape', [parts, graph.integers([0, 2, bins, -1])]);
}
