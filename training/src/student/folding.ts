import { normalisationEpsilon } from './constants.ts';
import type { WeightArrays } from './weights.ts';

/** The arrays of a student in the layouts of ONNX, normalisation folded into the layer before it. */
export class FoldedWeights {
  readonly #weights: WeightArrays;

  constructor(weights: WeightArrays) {
    this.#weights = weights;
  }

  get(name: string): Float32Array {
    const values = this.#weights.get(name);
    if (!values) throw new RangeError(`weights: ${name} is missing`);
    return values;
  }

  /** y = scale x + offset, as the batch normalisation `name` does it when it is used. */
  affine(name: string): { scale: Float32Array; offset: Float32Array } {
    const [gain, shift, mean, variance] = ['gain', 'shift', 'mean', 'variance'].map((part) =>
      this.get(`${name}.${part}`),
    ) as [Float32Array, Float32Array, Float32Array, Float32Array];
    const scale = gain.map((value, n) => value / Math.sqrt((variance[n] as number) + normalisationEpsilon));
    return { scale, offset: shift.map((value, n) => value - (mean[n] as number) * (scale[n] as number)) };
  }

  /** [height, width, inputs, outputs] to [outputs, inputs, height, width], each output times its scale. */
  convolution(name: string, shape: readonly [number, number, number, number], scale?: Float32Array): Float32Array {
    const [height, width, inputs, outputs] = shape;
    return permuted(this.get(name), shape, [outputs, inputs, height, width], [3, 2, 0, 1], scale);
  }

  /** [height, width, channels, 1] to [channels, 1, height, width]. */
  depthwise(name: string, [height, width, channels]: readonly [number, number, number]): Float32Array {
    return permuted(this.get(name), [height, width, channels, 1], [channels, 1, height, width], [2, 3, 0, 1]);
  }

  /** [bands x channels, width] to a convolution over all bands: [width, channels, 1, bands]. */
  embedding(bands: number, channels: number, width: number, scale: Float32Array): Float32Array {
    const shape = [1, bands, channels, width] as const;
    return permuted(this.get('embedding.kernel'), shape, [width, channels, 1, bands], [3, 2, 0, 1], scale);
  }

  /** [taps x width, width] to [width, width, taps]. */
  delay(name: string, taps: number, width: number, scale: Float32Array): Float32Array {
    return permuted(this.get(name), [taps, width, width, 1], [width, width, taps, 1], [2, 1, 0, 3], scale);
  }

  /** Input and recurrent kernels and biases: gates input, forget, cell, output become input, output, forget, cell. */
  lstm(width: number): { input: Float32Array; recurrent: Float32Array; bias: Float32Array } {
    const kernel = this.get('lstm.kernel');
    const bias = this.get('lstm.bias');
    const order = [0, 3, 1, 2];
    const rows = (first: number) =>
      Float32Array.from({ length: 4 * width * width }, (_, n) => {
        const [gate, unit, row] = [Math.floor(n / (width * width)), Math.floor(n / width) % width, n % width];
        return kernel[(first + row) * 4 * width + (order[gate] as number) * width + unit] as number;
      });
    const biases = new Float32Array(8 * width);
    for (let n = 0; n < 4 * width; n++) {
      biases[n] = bias[(order[Math.floor(n / width)] as number) * width + (n % width)] as number;
    }
    return { input: rows(0), recurrent: rows(width), bias: biases };
  }
}

/** Values of a 4-axis array with axes in another order; `scale` multiplies along the first axis of the result. */
export function permuted(
  values: Float32Array,
  from: readonly number[],
  to: readonly number[],
  axes: readonly number[],
  scale?: Float32Array,
): Float32Array {
  const strides = from.map((_, axis) => from.slice(axis + 1).reduce((product, size) => product * size, 1));
  const [a, b, c, d] = axes.map((axis) => strides[axis] as number) as [number, number, number, number];
  const result = new Float32Array(values.length);
  let at = 0;
  for (let i = 0; i < (to[0] as number); i++) {
    for (let j = 0; j < (to[1] as number); j++) {
      for (let k = 0; k < (to[2] as number); k++) {
        for (let l = 0; l < (to[3] as number); l++) {
          result[at++] = (values[i * a + j * b + k * c + l * d] as number) * (scale?.[i] ?? 1);
        }
      }
    }
  }
  return result;
}
