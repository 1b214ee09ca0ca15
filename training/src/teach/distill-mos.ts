import { float, GraphBuilder, type Value } from '../onnx/graph.ts';
import { hann, shortTimeFourier } from '../onnx/spectrum.ts';
import { TrainingError } from '../run/errors.ts';
import { readCheckpoint, type Tensor, tensorsOf } from '../torch/checkpoint.ts';

/**
 * Distill-MOS (B. Stahl and H. Gamper, arXiv 2502.05356; PyPI package distillmos, MIT) as an ONNX graph made from its
 * published weights. The structure follows the package: compressed complex spectrum, six convolutions, projection with
 * positions, seven transformer layers, attention pooling. Input `waveform` [batch, 122880] at 16 kHz, any level; output
 * `mos` [batch], 1 to 5.
 */
export const distillMosSamples = 122_880;

const frames = 384;
const dimension = 200;
const heads = 8;
const layers = 7;
/** Strides (frequency, time) of the convolutions. */
const strides = [
  [1, 1],
  [2, 1],
  [2, 1],
  [2, 1],
  [2, 1],
  [2, 2],
] as const;
const batchNormEpsilon = 1e-5;

/** Reads the weights and writes the graph. */
export function distillMosGraph(checkpointPath: string): Uint8Array {
  const checkpoint = readCheckpoint(checkpointPath);
  const model = checkpoint instanceof Map ? checkpoint.get('model') : undefined;
  return new DistillMos(new Weights(tensorsOf(model, checkpointPath), checkpointPath)).build();
}

class Weights {
  readonly #tensors: ReadonlyMap<string, Tensor>;
  readonly #path: string;

  constructor(tensors: ReadonlyMap<string, Tensor>, path: string) {
    this.#tensors = tensors;
    this.#path = path;
  }

  get(name: string, shape: readonly number[]): Tensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new TrainingError('invalid-input', `${this.#path}: has no ${name}`);
    if (tensor.shape.join() !== shape.join()) {
      throw new TrainingError(
        'invalid-input',
        `${this.#path}: ${name} has shape [${tensor.shape}], expected [${shape}]`,
      );
    }
    return tensor;
  }
}

class DistillMos {
  readonly #graph = new GraphBuilder('distill-mos');
  readonly #weights: Weights;

  constructor(weights: Weights) {
    this.#weights = weights;
  }

  build(): Uint8Array {
    const waveform = this.#graph.input('waveform', ['batch', distillMosSamples]);
    const sequence = this.#convolutions(this.#compressedSpectrum(waveform));
    let x = this.#projection(sequence);
    for (let layer = 0; layer < layers; layer++) {
      x = this.#transformerLayer(x, `transformer_pool_attn.transformer.transformer_encoder.layers.${layer}.`);
    }
    const pooled = this.#pool(this.#normalise(x, 'transformer_pool_attn.norm_trans'));
    const quality = this.#graph.node('Sigmoid', [pooled]);
    const scaled = this.#add(this.#graph.node('Mul', [quality, this.#graph.scalar(4)]), this.#graph.scalar(1));
    this.#graph.output('mos', this.#graph.node('Reshape', [scaled, this.#graph.integers([-1])]), ['batch']);
    return this.#graph.build({ source: 'PyPI distillmos 0.9.1, MIT' });
  }

  /** Peak-normalised waveform to a complex spectrum with magnitudes to the power of 0.3: [batch, 2, 161, 768]. */
  #compressedSpectrum(waveform: Value): Value {
    const graph = this.#graph;
    const peak = graph.node('ReduceMax', [graph.node('Abs', [waveform]), graph.integers([1])]);
    const normalised = graph.node('Div', [waveform, this.#add(peak, graph.scalar(1e-8))]);
    const padded = graph.node('Pad', [normalised, graph.integers([0, 80, 0, 80])], { mode: 'reflect' });
    const spectrum = shortTimeFourier(graph, padded, hann(320), 160);
    const power = graph.node('ReduceSum', [graph.node('Mul', [spectrum, spectrum]), graph.integers([1])]);
    const magnitude = graph.node('Max', [graph.node('Sqrt', [power]), graph.scalar(1e-12)]);
    return graph.node('Mul', [spectrum, graph.node('Pow', [magnitude, graph.scalar(-0.7)])]);
  }

  /** [batch, 2, 161, 768] to [batch, 384, 1024]. */
  #convolutions(spectrum: Value): Value {
    const graph = this.#graph;
    let x = spectrum;
    let channels = 2;
    for (const [index, stride] of strides.entries()) {
      const filters = Math.min(64 * 2 ** Math.max(index - 1, 0), 256);
      const name = `cnn.cnn.${2 * index}`;
      const weight = this.#constant(`${name}.weight`, [filters, channels, 3, 3]);
      const bias = this.#constant(`${name}.bias`, [filters]);
      const padding = { kernel_shape: [3, 3], pads: [0, 1, 0, 1], strides: stride };
      x = graph.node('LeakyRelu', [graph.node('Conv', [x, weight, bias], padding)], { alpha: float(0.1) });
      channels = filters;
    }
    const flat = graph.node('Reshape', [x, graph.integers([0, 1024, -1])]);
    return graph.node('Transpose', [flat], { perm: [0, 2, 1] });
  }

  /** Two batch normalisations, projection to 200 dimensions, positions. */
  #projection(sequence: Value): Value {
    const inner = this.#normalise(sequence, 'transformer_pool_attn.norm_input', 1024);
    const outer = this.#normalise(inner, 'transformer_pool_attn.transformer.norm', 1024);
    const projected = this.#linear(outer, 'transformer_pool_attn.transformer.linear_proj', 1024, dimension);
    return this.#add(
      projected,
      this.#constant('transformer_pool_attn.transformer.position_encoding.pe', [1, frames, dimension]),
    );
  }

  /** Self-attention and feed-forward, each followed by addition and layer normalisation. */
  #transformerLayer(x: Value, prefix: string): Value {
    const attended = this.#layerNorm(this.#add(x, this.#attention(x, prefix)), `${prefix}norm1`);
    const hidden = this.#graph.node('Relu', [this.#linear(attended, `${prefix}linear1`, dimension, 2 * dimension)]);
    const fed = this.#linear(hidden, `${prefix}linear2`, 2 * dimension, dimension);
    return this.#layerNorm(this.#add(attended, fed), `${prefix}norm2`);
  }

  #attention(x: Value, prefix: string): Value {
    const graph = this.#graph;
    const headSize = dimension / heads;
    const weight = this.#weights.get(`${prefix}self_attn.in_proj_weight`, [3 * dimension, dimension]);
    const bias = this.#weights.get(`${prefix}self_attn.in_proj_bias`, [3 * dimension]);
    const all = this.#affine(x, weight, bias.values);
    const [query, key, value] = graph.nodes('Split', [all], 3, { axis: 2, num_outputs: 3 }).map((part) => {
      const split = graph.node('Reshape', [part, graph.integers([0, frames, heads, headSize])]);
      return graph.node('Transpose', [split], { perm: [0, 2, 1, 3] });
    }) as [Value, Value, Value];
    const turned = graph.node('Transpose', [key], { perm: [0, 1, 3, 2] });
    const scores = graph.node('Mul', [graph.node('MatMul', [query, turned]), graph.scalar(1 / Math.sqrt(headSize))]);
    const context = graph.node('MatMul', [graph.node('Softmax', [scores], { axis: -1 }), value]);
    const joined = graph.node('Transpose', [context], { perm: [0, 2, 1, 3] });
    const flat = graph.node('Reshape', [joined, graph.integers([0, frames, dimension])]);
    return this.#linear(flat, `${prefix}self_attn.out_proj`, dimension, dimension);
  }

  /** A weighted mean over time, then one number: [batch, 1, 1]. */
  #pool(x: Value): Value {
    const graph = this.#graph;
    const prefix = 'transformer_pool_attn.pool.';
    const hidden = graph.node('Relu', [this.#linear(x, `${prefix}linear1`, dimension, 2 * dimension)]);
    const scores = this.#linear(hidden, `${prefix}linear2`, 2 * dimension, 1);
    const weights = graph.node('Softmax', [graph.node('Transpose', [scores], { perm: [0, 2, 1] })], { axis: 2 });
    return this.#linear(graph.node('MatMul', [weights, x]), `${prefix}linear3`, dimension, 1);
  }

  #linear(x: Value, name: string, inputs: number, outputs: number): Value {
    return this.#affine(
      x,
      this.#weights.get(`${name}.weight`, [outputs, inputs]),
      this.#weights.get(`${name}.bias`, [outputs]).values,
    );
  }

  /** x W^T + b over the last axis. */
  #affine(x: Value, weight: Tensor, bias: Float32Array): Value {
    const [outputs, inputs] = weight.shape as [number, number];
    const turned = new Float32Array(inputs * outputs);
    for (let row = 0; row < outputs; row++) {
      for (let column = 0; column < inputs; column++)
        turned[column * outputs + row] = weight.values[row * inputs + column] as number;
    }
    const product = this.#graph.node('MatMul', [x, this.#graph.constant(turned, [inputs, outputs])]);
    return this.#add(product, this.#graph.constant(bias, [outputs]));
  }

  /** Batch normalisation with its running statistics, over the last axis. */
  #normalise(x: Value, name: string, size = dimension): Value {
    const [weight, bias, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(
      (part) => this.#weights.get(`${name}.${part}`, [size]).values,
    ) as [Float32Array, Float32Array, Float32Array, Float32Array];
    const scale = weight.map((value, n) => value / Math.sqrt((variance[n] as number) + batchNormEpsilon));
    const shift = bias.map((value, n) => value - (mean[n] as number) * (scale[n] as number));
    const scaled = this.#graph.node('Mul', [x, this.#graph.constant(scale, [size])]);
    return this.#add(scaled, this.#graph.constant(shift, [size]));
  }

  #layerNorm(x: Value, name: string): Value {
    const weight = this.#constant(`${name}.weight`, [dimension]);
    const bias = this.#constant(`${name}.bias`, [dimension]);
    return this.#graph.node('LayerNormalization', [x, weight, bias], { axis: -1, epsilon: float(1e-5) });
  }

  #add(a: Value, b: Value): Value {
    return this.#graph.node('Add', [a, b]);
  }

  #constant(name: string, shape: readonly number[]): Value {
    return this.#graph.constant(this.#weights.get(name, shape).values, shape, name);
  }
}
