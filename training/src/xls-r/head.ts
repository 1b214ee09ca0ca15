import { tf } from '../tensorflow.ts';
import { type ArraySource, oriented } from './backbone.ts';
import { attend, dense, layerNormalise } from './operations.ts';
import type { ArraySpec } from './specs.ts';

/** Shape of a head. */
export interface HeadConfiguration {
  /** Numbers per frame of the hidden states. */
  inputs: number;
  /** Hidden states that are mixed: 1, or 2. */
  sources: 1 | 2;
  /** Numbers per frame inside. */
  width: number;
  /** Transformer layers. */
  layers: number;
  /** Attention heads. */
  heads: number;
  /** Input frames; the published heads have 384. */
  frames: number;
}

export interface HeadSpec extends ArraySpec {
  /** False for statistics, which follow the data instead of a gradient, and for positions, which are fixed. */
  trainable: boolean;
}

/** Mean and variance of a training batch by the name of the normalisation; the receiver disposes of them. */
export type HeadStatistics = Map<string, { mean: tf.Tensor; variance: tf.Tensor }>;

const batchNormEpsilon = 1e-5;
const layerNormEpsilon = 1e-5;

/**
 * The speech quality head of XLS-R-SQA (B. Tamm, R. Vandenberghe and H. Van hamme, Analysis of XLS-R for Speech Quality
 * Assessment, WASPAA 2023; PyPI xls-r-sqa 0.1.0, MIT): batch normalisation, projection with positions, a small
 * transformer, attention pooling. Arrays have the names of its checkpoints.
 */
export class Head {
  readonly configuration: HeadConfiguration;
  readonly #tensors = new Map<string, tf.Tensor>();

  constructor(configuration: HeadConfiguration, source: ArraySource) {
    this.configuration = configuration;
    for (const { name, shape, trainable } of headSpecs(configuration)) {
      const tensor = tf.tidy(() => oriented(name, tf.tensor(source.read(name, shape).values, [...shape])));
      this.#tensors.set(name, trainable ? tf.variable(tensor) : tensor);
      if (trainable) tensor.dispose();
    }
  }

  /** The variables that a gradient trains, by name. */
  trainable(): Map<string, tf.Variable> {
    return new Map([...this.#tensors].filter(([, tensor]) => tensor instanceof tf.Variable)) as Map<
      string,
      tf.Variable
    >;
  }

  /** Copies of what follows no gradient: moving statistics and positions, by name. */
  statistics(): Map<string, Float32Array> {
    const fixed = [...this.#tensors].filter(([, tensor]) => !(tensor instanceof tf.Variable));
    return new Map(fixed.map(([name, tensor]) => [name, tensor.dataSync().slice() as Float32Array]));
  }

  /** Sets one of these. */
  setStatistics(name: string, values: Float32Array): void {
    const before = this.#tensor(name);
    this.#tensors.set(name, tf.keep(tf.tensor(values, before.shape)));
    before.dispose();
  }

  /**
   * MOS [batch], 1 to 5, of hidden states, one [batch, frames, inputs] per source. With `statistics`, in training,
   * normalisation goes by the batch, whose statistics are added to the map; else by the moving ones.
   */
  score(states: readonly tf.Tensor3D[], statistics?: HeadStatistics): tf.Tensor1D {
    const { sources, inputs, frames } = this.configuration;
    if (states.length !== sources) throw new RangeError(`states: expected ${sources}, got ${states.length}`);
    for (const { shape } of states) {
      if (shape[1] !== frames || shape[2] !== inputs) {
        throw new RangeError(`states: expected [batch, ${frames}, ${inputs}], got [${shape}]`);
      }
    }
    return tf.tidy(() => {
      const mixed = this.#mix(states, statistics);
      const projected = this.#dense(this.#normalise(mixed, 'transformer.norm', statistics), 'transformer.linear_proj');
      let x = projected.add(this.#tensor('transformer.position_encoding.pe'));
      for (let layer = 0; layer < this.configuration.layers; layer++) x = this.#layer(x, layer);
      const pooled = this.#pool(this.#normalise(x, 'norm_trans', statistics));
      return tf.sigmoid(pooled).mul(4).add(1).reshape([-1]) as tf.Tensor1D;
    });
  }

  dispose(): void {
    tf.dispose([...this.#tensors.values()]);
    this.#tensors.clear();
  }

  /** Each source normalised; two are added with weights. */
  #mix(states: readonly tf.Tensor3D[], statistics?: HeadStatistics): tf.Tensor {
    if (states.length === 1) return this.#normalise(states[0] as tf.Tensor, 'norm_input', statistics);
    const normalised = states.map((state, n) => this.#normalise(state, `norm_inputs.${n}`, statistics));
    const weights = this.#tensor('lin_infusion.weight');
    const weighted = normalised.map((state, n) => state.mul(weights.slice([n, 0], [1, 1]).reshape([])));
    return tf.addN(weighted).add(this.#tensor('lin_infusion.bias'));
  }

  /** Self-attention and feed-forward, each added to its input and then normalised. */
  #layer(x: tf.Tensor, layer: number): tf.Tensor {
    const prefix = `transformer.transformer_encoder.layers.${layer}`;
    const all = dense(
      x,
      this.#tensor(`${prefix}.self_attn.in_proj_weight`),
      this.#tensor(`${prefix}.self_attn.in_proj_bias`),
    );
    const [query, key, value] = tf.split(all, 3, 2) as [tf.Tensor, tf.Tensor, tf.Tensor];
    const context = attend(query, key, value, this.configuration.heads);
    const attended = this.#layerNormalise(
      x.add(this.#dense(context, `${prefix}.self_attn.out_proj`)),
      `${prefix}.norm1`,
    );
    const fed = this.#dense(tf.relu(this.#dense(attended, `${prefix}.linear1`)), `${prefix}.linear2`);
    return this.#layerNormalise(attended.add(fed), `${prefix}.norm2`);
  }

  /** A weighted mean over time, then one number: [batch, 1, 1]. */
  #pool(x: tf.Tensor): tf.Tensor {
    const scores = this.#dense(tf.relu(this.#dense(x, 'pool.linear1')), 'pool.linear2');
    const weights = tf.softmax(scores.transpose([0, 2, 1]));
    return this.#dense(tf.matMul(weights, x), 'pool.linear3');
  }

  #dense(x: tf.Tensor, name: string): tf.Tensor {
    return dense(x, this.#tensor(`${name}.weight`), this.#tensor(`${name}.bias`));
  }

  #layerNormalise(x: tf.Tensor, name: string): tf.Tensor {
    return layerNormalise(x, this.#tensor(`${name}.weight`), this.#tensor(`${name}.bias`), layerNormEpsilon);
  }

  /** Batch normalisation over batch and frames. */
  #normalise(x: tf.Tensor, name: string, statistics?: HeadStatistics): tf.Tensor {
    const batch = statistics && tf.moments(x, [0, 1]);
    if (batch) statistics.set(name, { mean: tf.keep(batch.mean.clone()), variance: tf.keep(batch.variance.clone()) });
    const mean = batch?.mean ?? this.#tensor(`${name}.running_mean`);
    const variance = batch?.variance ?? this.#tensor(`${name}.running_var`);
    const scale = tf.rsqrt(variance.add(batchNormEpsilon)).mul(this.#tensor(`${name}.weight`));
    return x
      .sub(mean)
      .mul(scale)
      .add(this.#tensor(`${name}.bias`));
  }

  #tensor(name: string): tf.Tensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new RangeError(`no weight is called ${name}`);
    return tensor;
  }
}

/** Every array of a head, in a fixed order; shapes as in the checkpoints. */
export function headSpecs({ inputs, sources, width, layers, frames }: HeadConfiguration): HeadSpec[] {
  const array = (name: string, shape: readonly number[], trainable = true) => ({ name, shape, trainable });
  const linear = (name: string, from: number, to: number) => [
    array(`${name}.weight`, [to, from]),
    array(`${name}.bias`, [to]),
  ];
  const gains = (name: string, size: number) => [array(`${name}.weight`, [size]), array(`${name}.bias`, [size])];
  const batchNorm = (name: string, size: number) => [
    ...gains(name, size),
    array(`${name}.running_mean`, [size], false),
    array(`${name}.running_var`, [size], false),
  ];
  const layer = (prefix: string) => [
    array(`${prefix}.self_attn.in_proj_weight`, [3 * width, width]),
    array(`${prefix}.self_attn.in_proj_bias`, [3 * width]),
    ...linear(`${prefix}.self_attn.out_proj`, width, width),
    ...linear(`${prefix}.linear1`, width, 2 * width),
    ...linear(`${prefix}.linear2`, 2 * width, width),
    ...gains(`${prefix}.norm1`, width),
    ...gains(`${prefix}.norm2`, width),
  ];
  return [
    ...(sources === 1
      ? batchNorm('norm_input', inputs)
      : [...[0, 1].flatMap((n) => batchNorm(`norm_inputs.${n}`, inputs)), ...linear('lin_infusion', 2, 1)]),
    ...batchNorm('transformer.norm', inputs),
    array('transformer.position_encoding.pe', [1, frames, width], false),
    ...linear('transformer.linear_proj', inputs, width),
    ...Array.from({ length: layers }, (_, n) => layer(`transformer.transformer_encoder.layers.${n}`)).flat(),
    ...batchNorm('norm_trans', width),
    ...linear('pool.linear1', width, 2 * width),
    ...linear('pool.linear2', 2 * width, 1),
    ...linear('pool.linear3', width, 1),
  ];
}

/** The middle of a sequence [1, frames, width]; a shorter one is filled up with zeros at its end. */
export function cropFrames(states: tf.Tensor3D, frames: number): tf.Tensor3D {
  const [batch, count, width] = states.shape;
  if (count >= frames) return states.slice([0, Math.trunc(count / 2 - frames / 2), 0], [batch, frames, width]);
  return states.pad([
    [0, 0],
    [0, frames - count],
    [0, 0],
  ]);
}
