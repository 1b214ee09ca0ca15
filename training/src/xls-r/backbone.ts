import { tf } from '../tensorflow.ts';
import { type BackboneConfiguration, fewestSamples } from './configuration.ts';
import { attend, dense, gelu, layerNormalise } from './operations.ts';
import { type ArraySpec, encoderSpecs, layerSpecs, positionSpecs } from './specs.ts';

/** Where arrays come from: a name of the checkpoint and its shape there to values. */
export interface ArraySource {
  read(name: string, shape: readonly number[]): { values: Float32Array };
}

/**
 * wav2vec 2.0 in the form of XLS-R (arXiv 2006.11477, 2111.09296) up to one of its transformer layers. What comes after is
 * neither read nor computed. Names of arrays are those of transformers' Wav2Vec2Model; kernels are kept turned over, as
 * TensorFlow multiplies.
 */
export class Backbone {
  readonly configuration: BackboneConfiguration;
  /** Transformer layers that there are. */
  readonly layers: number;
  readonly #tensors = new Map<string, tf.Tensor>();

  /**
   * @param layers - how many transformer layers: hidden states up to this one can be had
   * @param trainable - the last so many layers alone, as variables: for `statesFrom`
   */
  constructor(
    configuration: BackboneConfiguration,
    source: ArraySource,
    { layers = configuration.layers, trainable }: { layers?: number; trainable?: number } = {},
  ) {
    if (layers < 0 || layers > configuration.layers) {
      throw new RangeError(`layers: expected 0 to ${configuration.layers}, got ${layers}`);
    }
    this.configuration = configuration;
    this.layers = layers;
    const load = (specs: readonly ArraySpec[], variable = false) => {
      for (const { name, shape } of specs) {
        const tensor = tf.tidy(() => oriented(name, tf.tensor(source.read(name, shape).values, [...shape])));
        this.#tensors.set(name, variable ? tf.variable(tensor) : tensor);
        if (variable) tensor.dispose();
      }
    };
    if (trainable === undefined) {
      load(encoderSpecs(configuration));
      load(positionSpecs(configuration));
      this.#joinPositionKernel();
    }
    for (let layer = layers - (trainable ?? layers); layer < layers; layer++) {
      load(layerSpecs(configuration, layer), trainable !== undefined);
    }
  }

  /** The variables, by name. */
  trainable(): Map<string, tf.Variable> {
    return new Map([...this.#tensors].filter(([, tensor]) => tensor instanceof tf.Variable)) as Map<
      string,
      tf.Variable
    >;
  }

  /**
   * Hidden states of waveforms [batch, samples], each normalised to zero mean and variance one, after the transformer layers
   * that are asked for: [batch, frames, width]. Layer 0 is the input of the first one. The normalisation that follows the
   * last layer of the whole network is not part of any of them (versions of transformers before 5 apply it to the last).
   */
  hiddenStates(waveforms: tf.Tensor2D, layers: readonly number[]): tf.Tensor3D[] {
    return tf.tidy(() => this.statesFrom(this.#frames(waveforms), 0, layers));
  }

  /** The same from the hidden state after layer `from` on; layers up to that are not computed again. */
  statesFrom(state: tf.Tensor3D, from: number, layers: readonly number[]): tf.Tensor3D[] {
    const unknown = layers.find((layer) => layer < from || layer > this.layers);
    if (unknown !== undefined) throw new RangeError(`layer ${unknown}: expected ${from} to ${this.layers}`);
    return tf.tidy(() => {
      const wanted = new Map<number, tf.Tensor3D>();
      const last = Math.max(...layers);
      let x = state;
      for (let layer = from; ; layer++) {
        if (layers.includes(layer)) wanted.set(layer, x);
        if (layer === last) break;
        x = this.#layer(x, layer);
      }
      return layers.map((layer) => wanted.get(layer) as tf.Tensor3D);
    });
  }

  dispose(): void {
    tf.dispose([...this.#tensors.values()]);
    this.#tensors.clear();
  }

  /** Waveforms [batch, samples] to the input of the transformer [batch, frames, width]. */
  #frames(waveforms: tf.Tensor2D): tf.Tensor3D {
    const { configuration } = this;
    const [batch, samples] = waveforms.shape;
    const fewest = fewestSamples(configuration);
    if (samples < fewest) throw new RangeError(`samples: expected at least ${fewest}, got ${samples}`);
    let x = waveforms.reshape([batch, samples, 1]) as tf.Tensor3D;
    for (const [n, { stride }] of configuration.convolutions.entries()) {
      // Activations of the first layers are the largest of all: each is given back as soon as the next is there.
      const next = tf.tidy(() => {
        const prefix = `feature_extractor.conv_layers.${n}`;
        const filtered = tf.conv1d(x, this.#tensor(`${prefix}.conv.weight`) as tf.Tensor3D, stride, 'valid');
        const biased = configuration.convolutionBias ? filtered.add(this.#tensor(`${prefix}.conv.bias`)) : filtered;
        return gelu(layerNormalise(biased, ...this.#gainAndShift(`${prefix}.layer_norm`), 1e-5)) as tf.Tensor3D;
      });
      x.dispose();
      x = next;
    }
    const projected = this.#dense(this.#normalise(x, 'feature_projection.layer_norm'), 'feature_projection.projection');
    return projected.add(this.#positions(projected as tf.Tensor3D));
  }

  /** Grouped convolution over neighbouring frames, as many out as in. */
  #positions(x: tf.Tensor3D): tf.Tensor3D {
    const { kernel, groups } = this.configuration.positions;
    const [batch, frames, width] = x.shape;
    const half = Math.floor(kernel / 2);
    // An even kernel gives a frame too many at the end.
    const padded = x.pad([
      [0, 0],
      [half, kernel % 2 === 0 ? half - 1 : half],
      [0, 0],
    ]);
    const size = width / groups;
    const weight = this.#tensor('encoder.pos_conv_embed.conv.weight') as tf.Tensor3D;
    const outputs = Array.from({ length: groups }, (_, group) => {
      const part = padded.slice([0, 0, group * size], [batch, frames + kernel - 1, size]) as tf.Tensor3D;
      const filters = weight.slice([0, 0, group * size], [kernel, size, size]) as tf.Tensor3D;
      return tf.conv1d(part, filters, 1, 'valid');
    });
    return gelu(tf.concat(outputs, 2).add(this.#tensor('encoder.pos_conv_embed.conv.bias'))) as tf.Tensor3D;
  }

  /** Attention and feed-forward, each of the normalised input and added to it. */
  #layer(x: tf.Tensor3D, layer: number): tf.Tensor3D {
    return tf.tidy(() => {
      const prefix = `encoder.layers.${layer}`;
      const before = this.#normalise(x, `${prefix}.layer_norm`);
      const [query, key, value] = ['q_proj', 'k_proj', 'v_proj'].map((part) =>
        this.#dense(before, `${prefix}.attention.${part}`),
      ) as [tf.Tensor, tf.Tensor, tf.Tensor];
      const context = attend(query, key, value, this.configuration.heads);
      const attended = x.add(this.#dense(context, `${prefix}.attention.out_proj`));
      const hidden = this.#dense(
        this.#normalise(attended, `${prefix}.final_layer_norm`),
        `${prefix}.feed_forward.intermediate_dense`,
      );
      return attended.add(this.#dense(gelu(hidden), `${prefix}.feed_forward.output_dense`)) as tf.Tensor3D;
    });
  }

  #dense(x: tf.Tensor, name: string): tf.Tensor {
    return dense(x, this.#tensor(`${name}.weight`), this.#tensor(`${name}.bias`));
  }

  #normalise<T extends tf.Tensor>(x: T, name: string): T {
    return layerNormalise(x, ...this.#gainAndShift(name), this.configuration.epsilon);
  }

  #gainAndShift(name: string): [tf.Tensor, tf.Tensor] {
    return [this.#tensor(`${name}.weight`), this.#tensor(`${name}.bias`)];
  }

  #tensor(name: string): tf.Tensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new RangeError(`no weight is called ${name}`);
    return tensor;
  }

  /** Weight normalisation (arXiv 1602.07868), one length for each place in the kernel: its product is what is needed. */
  #joinPositionKernel(): void {
    const prefix = 'encoder.pos_conv_embed.conv.weight';
    const [lengths, directions] = [`${prefix}_g`, `${prefix}_v`].map((name) => this.#tensor(name)) as [
      tf.Tensor,
      tf.Tensor,
    ];
    const weight = tf.tidy(() => directions.mul(lengths).div(directions.square().sum([1, 2], true).sqrt()));
    tf.dispose([lengths, directions]);
    this.#tensors.delete(`${prefix}_g`);
    this.#tensors.delete(`${prefix}_v`);
    this.#tensors.set(prefix, weight);
  }
}

/** PyTorch's order of axes to TensorFlow's and back: [outputs, inputs] and [outputs, inputs, kernel] turned round; others as they are. */
export function oriented(name: string, tensor: tf.Tensor): tf.Tensor {
  const isKernel = /weight(_[gv])?$/.test(name);
  return isKernel && tensor.rank > 1 ? tensor.transpose([...tensor.shape.keys()].reverse()) : tensor.clone();
}
