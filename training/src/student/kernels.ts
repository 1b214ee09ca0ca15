import { Int64Scalar, tf } from '../tensorflow.ts';
import { normalisationEpsilon } from './constants.ts';

/**
 * TensorFlow kernels that TensorFlow.js has no face for. They do in one call what takes many calls and copies of the
 * activations otherwise; each has a gradient that TensorFlow computes in one call too.
 */

interface NodeBackend {
  binding: Record<'TF_ATTR_TYPE' | 'TF_ATTR_FLOAT' | 'TF_ATTR_STRING' | 'TF_ATTR_BOOL' | 'TF_FLOAT', number> & {
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
