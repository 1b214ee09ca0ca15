import { tf, valuesOf } from '../tensorflow.ts';

/** Ridge term, as a share of the mean square of the inputs: inputs that hardly vary are not fitted to chance. */
const ridge = 1e-4;

/** Weights and biases that map inputs to targets with the least sum of squares over all rows added. */
export class LeastSquares {
  readonly #inputs: number;
  readonly #outputs: number;
  /** Products of the inputs, the last of which is 1, with themselves and with the targets. */
  readonly #squares: Float64Array;
  readonly #products: Float64Array;

  constructor(inputs: number, outputs: number) {
    this.#inputs = inputs;
    this.#outputs = outputs;
    this.#squares = new Float64Array((inputs + 1) ** 2);
    this.#products = new Float64Array((inputs + 1) * outputs);
  }

  /** @param rows [n, inputs] @param targets [n, outputs] */
  add(rows: Float32Array, targets: Float32Array): void {
    const n = rows.length / this.#inputs;
    const read = tf.tidy(() => tf.concat([tf.tensor2d(rows, [n, this.#inputs]), tf.ones([n, 1])], 1) as tf.Tensor2D);
    const wanted = tf.tensor2d(targets, [n, this.#outputs]);
    for (const [sums, other] of [
      [this.#squares, read],
      [this.#products, wanted],
    ] as const) {
      const products = valuesOf(() => tf.matMul(read, other, true, false));
      for (let place = 0; place < products.length; place++)
        sums[place] = (sums[place] as number) + (products[place] as number);
    }
    tf.dispose([read, wanted]);
  }

  /** @returns kernel [inputs, outputs], bias [outputs] */
  solve(): { kernel: Float32Array; bias: Float32Array } {
    const size = this.#inputs + 1;
    const matrix = this.#squares.slice();
    let trace = 0;
    for (let n = 0; n < this.#inputs; n++) trace += matrix[n * (size + 1)] as number;
    for (let n = 0; n < size; n++) {
      const at = n * (size + 1);
      matrix[at] = (matrix[at] as number) + (ridge * trace) / this.#inputs;
    }
    factorise(matrix, size);
    const solution = this.#products.slice();
    substitute(matrix, size, solution, this.#outputs);
    const end = this.#inputs * this.#outputs;
    return { kernel: Float32Array.from(solution.subarray(0, end)), bias: Float32Array.from(solution.subarray(end)) };
  }
}

/** Cholesky factor of a symmetric positive definite matrix [size, size], in its lower half. */
function factorise(matrix: Float64Array, size: number): void {
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = matrix[row * size + column] as number;
      for (let n = 0; n < column; n++)
        sum -= (matrix[row * size + n] as number) * (matrix[column * size + n] as number);
      if (row === column && !(sum > 0)) throw new RangeError('the rows do not determine the weights');
      matrix[row * size + column] = row === column ? Math.sqrt(sum) : sum / (matrix[column * (size + 1)] as number);
    }
  }
}

/** Solves factor x factor' x solution = values [size, columns] in place. */
function substitute(factor: Float64Array, size: number, values: Float64Array, columns: number): void {
  const reduce = (row: number, other: number, by: number) => {
    for (let c = 0; c < columns; c++) {
      values[row * columns + c] = (values[row * columns + c] as number) - by * (values[other * columns + c] as number);
    }
  };
  const scale = (row: number) => {
    const by = factor[row * (size + 1)] as number;
    for (let c = 0; c < columns; c++) values[row * columns + c] = (values[row * columns + c] as number) / by;
  };
  for (let row = 0; row < size; row++) {
    for (let n = 0; n < row; n++) reduce(row, n, factor[row * size + n] as number);
    scale(row);
  }
  for (let row = size - 1; row >= 0; row--) {
    for (let n = row + 1; n < size; n++) reduce(row, n, factor[n * size + row] as number);
    scale(row);
  }
}
