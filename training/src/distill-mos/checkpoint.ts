import { TrainingError } from '../run/errors.ts';
import { readCheckpoint, type Tensor, tensorsOf } from '../torch/checkpoint.ts';
import { distillMosSpecs, featuresOf, publishedShape, steps } from './shape.ts';

const batchNormEpsilon = 1e-5;

/**
 * The published weights of Distill-MOS (B. Stahl and H. Gamper, arXiv 2502.05356; PyPI package distillmos, MIT) in our
 * layouts. The two batch normalisations before the projection, by their running statistics, become one gain and shift.
 *
 * @throws {TrainingError} invalid-input when a tensor is missing or of another shape
 */
export function readDistillMos(path: string): Map<string, Float32Array> {
  const checkpoint = readCheckpoint(path);
  const model = checkpoint instanceof Map ? checkpoint.get('model') : undefined;
  const tensors = new Tensors(tensorsOf(model, path), path);
  const { channels, width, layers, headSize, pooling } = publishedShape;
  const features = featuresOf(publishedShape);
  const arrays = new Map<string, Float32Array>();
  const affine = (name: string, { gain, shift }: Affine) => {
    arrays.set(`${name}.gain`, gain);
    arrays.set(`${name}.shift`, shift);
  };
  /** PyTorch keeps [outputs, inputs]. */
  const dense = (name: string, weight: string, bias: string, inputs: number, outputs: number) => {
    arrays.set(`${name}.kernel`, transposed(tensors.get(weight, [outputs, inputs]), outputs, inputs));
    arrays.set(`${name}.bias`, tensors.get(bias, [outputs]));
  };
  const linear = (name: string, from: string, inputs: number, outputs: number) =>
    dense(name, `${from}.weight`, `${from}.bias`, inputs, outputs);

  channels.forEach((outputs, index) => {
    const inputs = index === 0 ? 2 : (channels[index - 1] as number);
    const values = tensors.get(`cnn.cnn.${2 * index}.weight`, [outputs, inputs, 3, 3]);
    arrays.set(`convolution.${index}.kernel`, transposed(values, outputs * inputs, 9, [outputs, inputs]));
    arrays.set(`convolution.${index}.bias`, tensors.get(`cnn.cnn.${2 * index}.bias`, [outputs]));
  });
  const root = 'transformer_pool_attn';
  const [inner, outer] = [`${root}.norm_input`, `${root}.transformer.norm`].map((name) =>
    tensors.batchNorm(name, features),
  ) as [Affine, Affine];
  affine('features', {
    gain: inner.gain.map((gain, n) => gain * (outer.gain[n] as number)),
    shift: inner.shift.map((shift, n) => shift * (outer.gain[n] as number) + (outer.shift[n] as number)),
  });
  linear('projection', `${root}.transformer.linear_proj`, features, width);
  arrays.set('positions', tensors.get(`${root}.transformer.position_encoding.pe`, [1, steps, width]));
  layers.forEach(({ heads, units }, index) => {
    const [to, from] = [`layer.${index}`, `${root}.transformer.transformer_encoder.layers.${index}`];
    const attention = `${from}.self_attn.in_proj`;
    dense(`${to}.attention`, `${attention}_weight`, `${attention}_bias`, width, 3 * heads * headSize);
    linear(`${to}.attended`, `${from}.self_attn.out_proj`, heads * headSize, width);
    linear(`${to}.units`, `${from}.linear1`, width, units);
    linear(`${to}.fed`, `${from}.linear2`, units, width);
    for (const [norm, place] of [
      ['attendedNorm', 'norm1'],
      ['fedNorm', 'norm2'],
    ] as const) {
      const [gain, shift] = ['weight', 'bias'].map((part) => tensors.get(`${from}.${place}.${part}`, [width]));
      affine(`${to}.${norm}`, { gain, shift } as Affine);
    }
  });
  affine('pooled', tensors.batchNorm(`${root}.norm_trans`, width));
  linear('pooling.units', `${root}.pool.linear1`, width, pooling);
  linear('pooling.score', `${root}.pool.linear2`, pooling, 1);
  linear('mos', `${root}.pool.linear3`, width, 1);
  // In the order of the network.
  return new Map(distillMosSpecs(publishedShape).map(({ name }) => [name, arrays.get(name) as Float32Array]));
}

interface Affine {
  gain: Float32Array;
  shift: Float32Array;
}

class Tensors {
  readonly #tensors: ReadonlyMap<string, Tensor>;
  readonly #path: string;

  constructor(tensors: ReadonlyMap<string, Tensor>, path: string) {
    this.#tensors = tensors;
    this.#path = path;
  }

  get(name: string, shape: readonly number[]): Float32Array {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new TrainingError('invalid-input', `${this.#path}: has no ${name}`);
    if (tensor.shape.join() !== shape.join()) {
      throw new TrainingError(
        'invalid-input',
        `${this.#path}: ${name} has shape [${tensor.shape}], expected [${shape}]`,
      );
    }
    return tensor.values;
  }

  /** Batch normalisation by its running statistics. */
  batchNorm(name: string, size: number): Affine {
    const [weight, bias, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((part) =>
      this.get(`${name}.${part}`, [size]),
    ) as [Float32Array, Float32Array, Float32Array, Float32Array];
    const gain = weight.map((value, n) => value / Math.sqrt((variance[n] as number) + batchNormEpsilon));
    return { gain, shift: bias.map((value, n) => value - (mean[n] as number) * (gain[n] as number)) };
  }
}

/** [rows, columns] to [columns, rows]; with `swapped`, the rows [a, b] also become [b, a]. */
function transposed(
  values: Float32Array,
  rows: number,
  columns: number,
  [a, b]: readonly [number, number] = [rows, 1],
): Float32Array {
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    const to = (row % b) * a + Math.floor(row / b);
    for (let column = 0; column < columns; column++)
      result[column * rows + to] = values[row * columns + column] as number;
  }
  return result;
}
