import { Int64Scalar, tf } from '../tensorflow.ts';
import { normalisationEpsilon } from './constants.ts';

/**
 * TensorFlow kernels that TensorFlow.js does not expose. They do in one call what takes many calls and copies of the
 * activations otherwise; each has a gradient that TensorFlow computes in one call too.
 */

interface NodeBackend {
  binding: Record<
    'TF_ATTR_TYPE' | 'TF_ATTR_FLOAT' | 'TF_ATTR_INT' | 'TF_ATTR_STRING' | 'TF_ATTR_BOOL' | 'TF_FLOAT',
    number
  > & {
    executeOp(name: string, attributes: object[], ids: number[], outputs: number): object[];
    deleteTensor(id: number): void;
  };
  getInputTensorIds(inputs: Input[]): number[];
  createOutputTensor(metadata: object): tf.Tensor;
}

type Input = tf.Tensor | Int64Scalar;

const backend = () => tf.backend() as unknown as NodeBackend;

/** As the backend's `executeMultipleOutputs`, which never releases the tensors it makes of 64-bit scalars. */
function execute(name: string, attributes: object[], inputs: Input[], outputs: number): tf.Tensor[] {
  const { binding } = backend();
  const ids = backend().getInputTensorIds(inputs);
  const made = binding
    .executeOp(name, attributes, ids, outputs)
    .map((metadata) => backend().createOutputTensor(metadata));
  inputs.forEach((input, index) => {
    if (input instanceof Int64Scalar) binding.deleteTensor(ids[index] as number);
  });
  return made;
}

function attribute(name: string, value: number | string | boolean) {
  const { binding } = backend();
  const kinds = { number: 'TF_ATTR_FLOAT', string: 'TF_ATTR_STRING', boolean: 'TF_ATTR_BOOL' } as const;
  return { name, type: binding[kinds[typeof value as keyof typeof kinds]], value };
}

function integers(name: string, value: number[]) {
  return { name, type: backend().binding.TF_ATTR_INT, value };
}

function floatType(name: string) {
  const { binding } = backend();
  return { name, type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT };
}

/** Mean and variance [channels] of a batch, as `batchNormalise` found them. The receiver disposes of them. */
export type StatisticsListener = (mean: tf.Tensor, variance: tf.Tensor) => void;

/** Batch normalisation by the statistics of the batch: x [a, b, c, channels], gain and shift [channels] (FusedBatchNormV3). */
export function batchNormalise(
  x: tf.Tensor4D,
  gain: tf.Tensor,
  shift: tf.Tensor,
  listener: StatisticsListener,
): tf.Tensor4D {
  const common = () => [
    floatType('T'),
    floatType('U'),
    attribute('epsilon', normalisationEpsilon),
    attribute('data_format', 'NHWC'),
    attribute('is_training', true),
  ];
  const run = tf.customGrad((...inputs) => {
    const [input, scale, offset, save] = inputs as unknown as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const none = tf.tensor1d([]);
    const attributes = [...common(), attribute('exponential_avg_factor', 1)];
    const outputs = execute('FusedBatchNormV3', attributes, [input, scale, offset, none, none], 6);
    const [value, mean, variance, ...reserved] = outputs as [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]];
    listener(tf.keep(mean.clone()), tf.keep(variance.clone()));
    save([input, scale, ...reserved]);
    return {
      value,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        execute('FusedBatchNormGradV3', common(), [dy, ...saved], 5).slice(0, 3),
    };
  });
  return run(x, gain, shift) as tf.Tensor4D;
}

/** max(x, 0); the stock gradient takes nine kernels, this one takes one (ReluGrad). */
export function rectify<T extends tf.Tensor>(x: T): T {
  const run = tf.customGrad((...inputs) => {
    const [input, save] = inputs as unknown as [tf.Tensor, tf.GradSaveFunc];
    const value = tf.relu(input);
    save([value]);
    const gradFunc = (dy: tf.Tensor, [kept]: tf.Tensor[]) =>
      execute('ReluGrad', [floatType('T')], [dy, kept as tf.Tensor], 1);
    return { value, gradFunc };
  });
  return run(x) as T;
}

/**
 * Convolution of x [batch, height, width, channels] without padding, kernel [height, width, channels, filters]. Of one
 * channel the stock gradient of x is slow with strides: here it is a convolution without them, with a channel for each
 * place between two strides, rearranged afterwards.
 */
export function convolve(x: tf.Tensor4D, kernel: tf.Tensor4D, strides: [number, number]): tf.Tensor4D {
  if (x.shape[3] !== 1) return tf.conv2d(x, kernel, strides, 'valid');
  const run = tf.customGrad((...inputs) => {
    const [input, weights, save] = inputs as unknown as [tf.Tensor4D, tf.Tensor4D, tf.GradSaveFunc];
    save([input, weights]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [before, filters] = saved as [tf.Tensor4D, tf.Tensor4D];
      const attributes = { strides, pad: 'valid', dataFormat: 'NHWC', filterShape: filters.shape };
      const filterGradient = tf.engine().runKernel('Conv2DBackpropFilter', { x: before, dy }, attributes) as tf.Tensor;
      return [inputGradient(dy as tf.Tensor4D, filters, before.shape, strides), filterGradient];
    };
    return { value: tf.conv2d(input, weights, strides, 'valid'), gradFunc };
  });
  return run(x, kernel) as tf.Tensor4D;
}

/**
 * Each channel by itself: x [batch, height, width, channels], kernel [height, width, channels, 1]; `above` rows and `aside`
 * columns of zeros around x, which the kernels count with and no copy is made for.
 */
export function filterChannels(
  x: tf.Tensor4D,
  kernel: tf.Tensor4D,
  stride: number,
  { above, aside }: { above: number; aside: number },
): tf.Tensor4D {
  const attributes = () => [
    floatType('T'),
    integers('strides', [1, stride, stride, 1]),
    integers('dilations', [1, 1, 1, 1]),
    attribute('data_format', 'NHWC'),
    attribute('padding', 'EXPLICIT'),
    integers('explicit_paddings', [0, 0, above, 0, aside, aside, 0, 0]),
  ];
  const run = tf.customGrad((...inputs) => {
    const [input, weights, save] = inputs as unknown as [tf.Tensor4D, tf.Tensor4D, tf.GradSaveFunc];
    save([input, weights]);
    const [value] = execute('DepthwiseConv2dNative', attributes(), [input, weights], 1);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [before, filters] = saved as [tf.Tensor4D, tf.Tensor4D];
      const [toInput] = execute(
        'DepthwiseConv2dNativeBackpropInput',
        attributes(),
        [tf.tensor1d(before.shape, 'int32'), filters, dy],
        1,
      );
      const [toFilters] = execute(
        'DepthwiseConv2dNativeBackpropFilter',
        attributes(),
        [before, tf.tensor1d(filters.shape, 'int32'), dy],
        1,
      );
      return [toInput, toFilters] as tf.Tensor[];
    };
    return { value: value as tf.Tensor, gradFunc };
  });
  return run(x, kernel) as tf.Tensor4D;
}

/** Inputs of a 1 x 1 convolution with a stride, below which its gradient is not safe to compute. */
const fewestStridedInputs = 16;

/**
 * A 1 x 1 convolution. TensorFlow 2.21 with oneDNN writes beyond its memory when it computes the gradient of one with a
 * stride and fewer than 16 inputs: they are padded with zeros.
 */
export function mixChannels(x: tf.Tensor4D, kernel: tf.Tensor4D, strides: [number, number]): tf.Tensor4D {
  const missing = strides[0] * strides[1] === 1 ? 0 : Math.max(0, fewestStridedInputs - x.shape[3]);
  if (missing === 0) return tf.conv2d(x, kernel, strides, 'valid');
  const none: [number, number] = [0, 0];
  const wide = x.pad([none, none, none, [0, missing]]) as tf.Tensor4D;
  const taller = kernel.pad([none, none, [0, missing], none]) as tf.Tensor4D;
  return tf.conv2d(wide, taller, strides, 'valid');
}

function inputGradient(
  dy: tf.Tensor4D,
  kernel: tf.Tensor4D,
  [batch, height, width]: [number, number, number, number],
  [down, across]: [number, number],
): tf.Tensor4D {
  const [tall, wide, , filters] = kernel.shape;
  // Strides that a kernel spans; its taps, zero-padded, by stride and position in the stride.
  const [rows, columns] = [Math.ceil(tall / down), Math.ceil(wide / across)];
  const taps = kernel
    .pad([
      [0, rows * down - tall],
      [0, columns * across - wide],
      [0, 0],
      [0, 0],
    ])
    .reshape([rows, down, columns, across, filters])
    .transpose([0, 2, 4, 1, 3])
    .reverse([0, 1])
    .reshape<tf.Tensor4D>([rows, columns, filters, down * across]);
  const around: tf.Tensor4D = dy.pad([
    [0, 0],
    [rows - 1, rows - 1],
    [columns - 1, columns - 1],
    [0, 0],
  ]);
  const [, high, broad] = around.shape;
  const [tiles, tilesAcross] = [high - rows + 1, broad - columns + 1];
  const places = tf
    .conv2d(around, taps, 1, 'valid')
    .reshape([batch, tiles, tilesAcross, down, across])
    .transpose([0, 1, 3, 2, 4])
    .reshape([batch, tiles * down, tilesAcross * across, 1]);
  return fit(places, height, width);
}
/** State of an LSTM: cell and output, each [batch, units]. */
export interface LstmState {
  cell: tf.Tensor2D;
  output: tf.Tensor2D;
}

/**
 * A whole sequence through an LSTM (BlockLSTMV2): x [steps, batch, inputs], kernel [inputs + units, 4 x units], bias
 * [4 x units], gates in the order input, forget, cell, output. No gradient flows into the state.
 *
 * @returns outputs and cells, each [steps, batch, units]
 */
export function lstm(
  x: tf.Tensor3D,
  state: LstmState,
  kernel: tf.Tensor2D,
  bias: tf.Tensor1D,
): [tf.Tensor3D, tf.Tensor3D] {
  const [steps] = x.shape;
  const units = bias.shape[0] / 4;
  const peephole = attribute('use_peephole', false);
  const length = new Int64Scalar(steps);
  let cells: tf.Tensor | undefined;
  const run = tf.customGrad((...inputs) => {
    const [input, weights, biases, save] = inputs as unknown as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const none = tf.zeros([units]);
    const before = [state.cell, state.output, weights, none, none, none, biases];
    const attributes = [floatType('T'), attribute('cell_clip', -1.0000001), peephole];
    const outputs = execute('BlockLSTMV2', attributes, [length, input, ...before], 7);
    cells = tf.keep((outputs[1] as tf.Tensor).clone());
    save([input, ...before, ...outputs]);
    return {
      value: outputs[6] as tf.Tensor,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const gradients = execute(
          'BlockLSTMGradV2',
          [floatType('T'), peephole],
          [length, ...saved, tf.zerosLike(dy), dy],
          8,
        );
        return [gradients[0], gradients[3], gradients[7]] as tf.Tensor[];
      },
    };
  });
  const outputs = run(x, kernel, bias) as tf.Tensor3D;
  const cellsOut = (cells as tf.Tensor3D).clone();
  cells?.dispose();
  return [outputs, cellsOut];
}

/** x [batch, rows, columns, 1] cropped or zero-padded to a height and a width. */
function fit(x: tf.Tensor, height: number, width: number): tf.Tensor4D {
  const [batch, rows, columns, channels] = x.shape as [number, number, number, number];
  const cut = x.slice([0, 0, 0, 0], [batch, Math.min(rows, height), Math.min(columns, width), channels]);
  return cut.pad([
    [0, 0],
    [0, Math.max(0, height - rows)],
    [0, Math.max(0, width - columns)],
    [0, 0],
  ]) as tf.Tensor4D;
}
