import { TrainingError } from '../run/errors.ts';
import { tf } from '../tensorflow.ts';
import { Backbone } from './backbone.ts';
import { BackboneWeights } from './backbone-weights.ts';
import { fewestSamples, readBackboneConfiguration } from './configuration.ts';
import { cropFrames, Head } from './head.ts';
import { HeadWeights } from './head-weights.ts';

export interface XlsRSqaOptions {
  /** Folder of the Hugging Face model. */
  backbone: string;
  /** Hidden states that the head gets: after so many transformer layers, one or two of them. */
  layers: readonly number[];
  /** Checkpoint of the head. */
  head: string;
  /** Attention heads of the head. */
  heads: number;
}

/** A speech quality teacher: hidden states of XLS-R and a head. */
export class XlsRSqa {
  readonly #backbone: Backbone;
  readonly #head: Head;
  readonly #layers: readonly number[];

  private constructor(backbone: Backbone, head: Head, layers: readonly number[]) {
    this.#backbone = backbone;
    this.#head = head;
    this.#layers = layers;
  }

  /** Layers above those that the head uses are not read. Weights of retrained layers come from the head's file. */
  static load({ backbone: folder, layers, head: headPath, heads }: XlsRSqaOptions): XlsRSqa {
    const configuration = readBackboneConfiguration(folder);
    const headWeights = HeadWeights.read(headPath);
    const shape = headWeights.configuration(heads);
    if (shape.sources !== layers.length || shape.inputs !== configuration.width) {
      throw new TrainingError(
        'invalid-input',
        `${headPath}: hears ${shape.sources} hidden states of ${shape.inputs} numbers; it is given ${layers.length} of ${configuration.width} (${folder})`,
      );
    }
    const head = new Head(shape, headWeights);
    const stored = new BackboneWeights(folder);
    try {
      return new XlsRSqa(
        new Backbone(configuration, headWeights.over(stored), { layers: Math.max(...layers) }),
        head,
        layers,
      );
    } finally {
      stored.close();
    }
  }

  /** The MOS of a waveform of any length, 16 kHz: of its middle, as many frames as the head takes. */
  score(samples: Float32Array): number {
    return tf.tidy(() => {
      const states = this.#backbone.hiddenStates(normalisedWaveform(samples, this.#backbone), this.#layers);
      const { frames } = this.#head.configuration;
      return this.#head.score(states.map((state) => cropFrames(state, frames))).dataSync()[0] as number;
    });
  }

  close(): void {
    this.#backbone.dispose();
    this.#head.dispose();
  }
}

/** [1, samples] with zero mean and variance one, as Wav2Vec2FeatureExtractor of transformers. Filled up to one frame. */
export function normalisedWaveform(
  samples: Float32Array,
  { configuration }: Pick<Backbone, 'configuration'>,
): tf.Tensor2D {
  const filled = new Float32Array(Math.max(samples.length, fewestSamples(configuration)));
  const mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
  const variance = samples.reduce((sum, sample) => sum + (sample - mean) ** 2, 0) / samples.length;
  const scale = 1 / Math.sqrt(variance + 1e-7);
  filled.set(samples.map((sample) => scale * (sample - mean)));
  return tf.tensor2d(filled, [1, filled.length]);
}
