import { normalisationEpsilon } from '../student/constants.ts';
import { permuted } from '../student/folding.ts';

/** The inverse of `FoldedWeights`: arrays in the layouts of ONNX to those of a student. */

/** [outputs, inputs, height] or [outputs, inputs, height, width] to [height, width, inputs, outputs]: any convolution. */
export function unfoldedConvolution(values: Float32Array, shape: readonly number[]): Float32Array {
  const [outputs, inputs, height, width = 1] = shape as [number, number, number, number?];
  return permuted(values, [outputs, inputs, height, width], [height, width, inputs, outputs], [2, 3, 1, 0]);
}

/** Input and recurrent kernels and biases of an LSTM to one kernel [2 x width, 4 x width] and a bias [4 x width]. */
export function unfoldedLstm(
  width: number,
  { input, recurrent, bias }: { input: Float32Array; recurrent: Float32Array; bias: Float32Array },
): { kernel: Float32Array; bias: Float32Array } {
  // Gates input, output, forget, cell become input, forget, cell, output.
  const order = [0, 2, 3, 1];
  const kernel = new Float32Array(8 * width * width);
  const biases = new Float32Array(4 * width);
  for (let column = 0; column < 4 * width; column++) {
    const from = (order[Math.floor(column / width)] as number) * width + (column % width);
    biases[column] = (bias[from] as number) + (bias[4 * width + from] as number);
    for (let row = 0; row < width; row++) {
      kernel[row * 4 * width + column] = input[from * width + row] as number;
      kernel[(width + row) * 4 * width + column] = recurrent[from * width + row] as number;
    }
  }
  return { kernel, bias: biases };
}

/**
 * The arrays of a normalisation that does y = scale x + offset when it is used. Its statistics, mean 0 and variance 1, are of
 * nothing that was heard: the true ones are lost.
 */
export function unfoldedNormalisation(
  name: string,
  { scale, offset }: { scale: Float32Array; offset: Float32Array },
): [string, Float32Array][] {
  return [
    [`${name}.gain`, scale],
    [`${name}.shift`, offset],
    [`${name}.mean`, new Float32Array(scale.length)],
    [`${name}.variance`, new Float32Array(scale.length).fill(1 - normalisationEpsilon)],
  ];
}
