import { hann } from '../onnx/spectrum.ts';
import { logVarianceRange } from '../student/constants.ts';
import { tf } from '../tensorflow.ts';
import {
  type DistillMosShape,
  distillMosSamples,
  distillMosSpecs,
  featuresOf,
  spectrumFrames,
  steps,
  strides,
} from './shape.ts';

const [frame, hop] = [320, 160];
const normEpsilon = 1e-5;
const leak = 0.1;

export interface DistillMosOutput {
  /** [batch], 1 to 5. */
  mos: tf.Tensor1D;
  besides?: {
    /** [batch, steps]: log odds of speech. */
    speech: tf.Tensor2D;
    /** [batch]: natural logarithm of the variance, from -6 to 2. */
    logVariance: tf.Tensor1D;
    /** [batch, causes]: log odds. */
    causes: tf.Tensor2D;
  };
}

/** Distill-MOS as TensorFlow variables, to be trained on. Its normalisations are those of use: nothing follows a batch. */
export class DistillMosNetwork {
  readonly shape: DistillMosShape;
  readonly #variables: Map<string, tf.Variable>;
  readonly #fourier: tf.Tensor2D;

  constructor(shape: DistillMosShape, weights: ReadonlyMap<string, Float32Array>) {
    this.shape = shape;
    this.#variables = new Map(
      distillMosSpecs(shape).map(({ name, shape: sizes, trainable }) => {
        const values = weights.get(name);
        if (!values) throw new RangeError(`weights: ${name} is missing`);
        return [name, tf.tidy(() => tf.variable(tf.tensor(values, [...sizes]), trainable))];
      }),
    );
    this.#fourier = fourierMatrix();
  }

  /** The variables that a gradient trains, by name. */
  trainable(): Map<string, tf.Variable> {
    return new Map([...this.#variables].filter(([, { trainable }]) => trainable));
  }

  set(name: string, values: Float32Array): void {
    const variable = this.#variable(name);
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  }

  dispose(): void {
    tf.dispose([...this.#variables.values(), this.#fourier]);
    this.#variables.clear();
  }

  /** Waveforms [batch, 122880] at 16 kHz to the input of `mos` [batch, 161, 768, 2]. */
  spectrum(waveforms: tf.Tensor2D): tf.Tensor4D {
    return tf.tidy(() => {
      const [batch, samples] = waveforms.shape;
      if (samples !== distillMosSamples) {
        throw new RangeError(`samples: expected ${distillMosSamples}, got ${samples}`);
      }
      const peak = waveforms.abs().max(1, true).add(1e-8);
      const padded = tf.mirrorPad(
        waveforms.div(peak),
        [
          [0, 0],
          [frame / 4, frame / 4],
        ],
        'reflect',
      );
      const halves = padded.reshape([batch, spectrumFrames + 1, hop]);
      const [first, second] = [0, 1].map((from) => halves.slice([0, from, 0], [batch, spectrumFrames, hop])) as [
        tf.Tensor,
        tf.Tensor,
      ];
      const frames = tf.concat([first, second], 2).reshape([batch * spectrumFrames, frame]) as tf.Tensor2D;
      const spectrum = tf.matMul(frames, this.#fourier).reshape([batch, spectrumFrames, 2, -1]); // real, imaginary
      const magnitude = spectrum.square().sum(2, true).sqrt().maximum(1e-12);
      return spectrum.mul(magnitude.pow(-0.7)).transpose([0, 3, 1, 2]) as tf.Tensor4D;
    });
  }

  /** Spectra to MOS [batch], 1 to 5; `gates` as in `said`. */
  mos(spectrum: tf.Tensor4D, gates?: tf.Tensor1D): tf.Tensor1D {
    return this.said(this.features(spectrum), gates).mos;
  }

  /** Spectra to the output of the convolutions: [batch x steps, channels x bands]. */
  features(spectrum: tf.Tensor4D): tf.Tensor2D {
    return this.flattened(
      this.shape.channels.reduce((x, _, index) => this.activated(this.convolved(x, index)), spectrum),
    );
  }

  /** The output of the last convolution [batch, bands, steps, channels] as features [batch x steps, channels x bands]. */
  flattened(x: tf.Tensor4D): tf.Tensor2D {
    return x.transpose([0, 2, 3, 1]).reshape([-1, featuresOf(this.shape)]);
  }

  /** A convolution of x [batch, bands, time, channels], before the rectifier. */
  convolved(x: tf.Tensor4D, index: number): tf.Tensor4D {
    const padded = x.pad([
      [0, 0],
      [0, 0],
      [1, 1],
      [0, 0],
    ]) as tf.Tensor4D;
    const kernel = this.#variable(`convolution.${index}.kernel`) as tf.Tensor4D;
    const y = tf.conv2d(padded, kernel, strides[index] as [number, number], 'valid');
    return y.add(this.#variable(`convolution.${index}.bias`));
  }

  activated(x: tf.Tensor4D): tf.Tensor4D {
    return tf.leakyRelu(x, leak);
  }

  /** Features to `width` values per step, positions not yet added, and the input of the projection: normalised features. */
  projected(features: tf.Tensor2D): { normalised: tf.Tensor2D; values: tf.Tensor2D } {
    const normalised = this.#affine('features', features) as tf.Tensor2D;
    return { normalised, values: this.#dense('projection', normalised) };
  }

  /**
   * Features [batch x steps, channels x bands] to all outputs. `gates` [layers] mixes each transformer layer's output
   * (gate) with its input (1 - gate): 1 changes nothing, 0 skips the layer.
   */
  said(features: tf.Tensor2D, gates?: tf.Tensor1D): DistillMosOutput {
    return this.saidOf(this.rows(features, gates));
  }

  /** Features to the output of the last layer [batch x steps, width]. */
  rows(features: tf.Tensor2D, gates?: tf.Tensor1D): tf.Tensor2D {
    const batch = features.shape[0] / steps;
    const { width, layers } = this.shape;
    const { values } = this.projected(features);
    let rows: tf.Tensor = values.reshape([batch, steps, width]).add(this.#variable('positions'));
    rows = rows.reshape([batch * steps, width]);
    for (const [index, { heads }] of layers.entries()) {
      const next = this.#layer(`layer.${index}`, rows, batch, heads);
      const gate = gates?.slice([index], [1]);
      rows = gate ? rows.add(next.sub(rows).mul(gate)) : next;
    }
    return this.#affine('pooled', rows) as tf.Tensor2D;
  }

  /** Rows to all outputs. */
  saidOf(rows: tf.Tensor2D): DistillMosOutput {
    const batch = rows.shape[0] / steps;
    const { width, besides } = this.shape;
    const units = tf.relu(this.#dense('pooling.units', rows));
    const weights = tf.softmax(this.#dense('pooling.score', units).reshape([batch, 1, steps]));
    const pooled = tf.matMul(weights, rows.reshape([batch, steps, width])).reshape([batch, width]);
    const mos = tf.sigmoid(this.#dense('mos', pooled)).mul(4).add(1).reshape([batch]) as tf.Tensor1D;
    if (!besides) return { mos };
    const hidden = tf.relu(this.#dense('hidden', pooled));
    const { low, high } = logVarianceRange;
    const spread = tf.sigmoid(this.#dense('variance', hidden)).mul(high - low);
    return {
      mos,
      besides: {
        speech: this.#dense('speech', rows).reshape([batch, steps]),
        logVariance: spread.add(low).reshape([batch]),
        causes: this.#dense('causes', hidden),
      },
    };
  }

  /** Self-attention and feed-forward, each followed by addition and layer normalisation. x [batch x steps, width]. */
  #layer(name: string, x: tf.Tensor, batch: number, heads: number): tf.Tensor {
    const { headSize } = this.shape;
    const all = this.#dense(`${name}.attention`, x).reshape([batch, steps, 3, heads, headSize]);
    const [query, key, value] = tf.unstack(all.transpose([2, 0, 3, 1, 4])) as [tf.Tensor, tf.Tensor, tf.Tensor];
    const scores = tf.matMul(query, key, false, true).mul(1 / Math.sqrt(headSize));
    const context = tf.matMul(tf.softmax(scores), value).transpose([0, 2, 1, 3]);
    const joined = this.#dense(`${name}.attended`, context.reshape([batch * steps, heads * headSize]));
    const attended = this.#layerNorm(`${name}.attendedNorm`, x.add(joined));
    const fed = this.#dense(`${name}.fed`, tf.relu(this.#dense(`${name}.units`, attended)));
    return this.#layerNorm(`${name}.fedNorm`, attended.add(fed));
  }

  #dense(name: string, x: tf.Tensor): tf.Tensor2D {
    return tf
      .matMul(x as tf.Tensor2D, this.#variable(`${name}.kernel`) as tf.Tensor2D)
      .add(this.#variable(`${name}.bias`));
  }

  #affine(name: string, x: tf.Tensor): tf.Tensor {
    return x.mul(this.#variable(`${name}.gain`)).add(this.#variable(`${name}.shift`));
  }

  #layerNorm(name: string, x: tf.Tensor): tf.Tensor {
    const { mean, variance } = tf.moments(x, 1, true);
    return this.#affine(name, x.sub(mean).mul(variance.add(normEpsilon).rsqrt()));
  }

  #variable(name: string): tf.Variable {
    const found = this.#variables.get(name);
    if (!found) throw new RangeError(`no weight is called ${name}`);
    return found;
  }
}

/** Windowed discrete Fourier transform of a frame as a matrix [320, 2 x 161], real parts first. */
function fourierMatrix(): tf.Tensor2D {
  const window = hann(frame);
  const bins = frame / 2 + 1;
  const values = new Float32Array(frame * 2 * bins);
  for (let n = 0; n < frame; n++) {
    for (let bin = 0; bin < bins; bin++) {
      const angle = (2 * Math.PI * ((bin * n) % frame)) / frame;
      values[n * 2 * bins + bin] = (window[n] as number) * Math.cos(angle);
      values[n * 2 * bins + bins + bin] = -(window[n] as number) * Math.sin(angle);
    }
  }
  return tf.tensor2d(values, [frame, 2 * bins]);
}
