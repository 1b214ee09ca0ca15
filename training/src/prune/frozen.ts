import type { DistillMosNetwork, DistillMosOutput } from '../distill-mos/network.ts';
import { type DistillMosShape, featuresOf, steps } from '../distill-mos/shape.ts';
import type { Shards } from '../learning/data-set.ts';
import type { ClipPlace } from '../learning/order.ts';
import type { PruningConfiguration } from '../learning/pruning-configuration.ts';
import { spectrumOf, type TaughtWaveform } from '../learning/waveforms.ts';
import { fromFloat16, toFloat16 } from '../run/float16.ts';
import { tf, valuesOf } from '../tensorflow.ts';

type Frozen = NonNullable<PruningConfiguration['training']['frozen']>;

/** The part of a network made from Distill-MOS that is not trained. */
interface FrozenPart {
  /** Whether an array belongs to it. */
  holds(name: string): boolean;
  valuesPerStep(shape: DistillMosShape): number;
  /** Spectra to values of the frozen part: [batch x steps, values per step]. */
  heard(network: DistillMosNetwork, spectrum: tf.Tensor4D): tf.Tensor2D;
  /** Those values to the outputs. */
  said(network: DistillMosNetwork, heard: tf.Tensor2D, gates?: tf.Tensor1D): DistillMosOutput;
}

export const frozenParts: Record<Frozen, FrozenPart> = {
  convolutions: {
    holds: (name) => name.startsWith('convolution.'),
    valuesPerStep: featuresOf,
    heard: (network, spectrum) => network.features(spectrum),
    said: (network, features, gates) => network.said(features, gates),
  },
  'all-but-speech': {
    holds: (name) => !name.startsWith('speech.'),
    valuesPerStep: ({ width }) => width,
    heard: (network, spectrum) => network.rows(network.features(spectrum)),
    said: (network, rows) => network.saidOf(rows),
  },
};

/** Outputs of a frozen part for the clips of a set, each computed once: in half precision, 0.77 kB per value of a step. */
export class FrozenValues {
  readonly #network: DistillMosNetwork;
  readonly #part: FrozenPart;
  readonly #data: Shards<TaughtWaveform>;
  readonly #known = new Map<string, Uint16Array>();

  constructor(network: DistillMosNetwork, frozen: Frozen, data: Shards<TaughtWaveform>) {
    this.#network = network;
    this.#part = frozenParts[frozen];
    this.#data = data;
  }

  /** [clips x steps, values per step]. */
  of(places: readonly ClipPlace[]): tf.Tensor2D {
    const shape: [number, number] = [steps, this.#part.valuesPerStep(this.#network.shape)];
    return tf.concat(places.map((place) => tf.tensor2d(fromFloat16(this.#one(place)), shape)));
  }

  said(values: tf.Tensor2D, gates?: tf.Tensor1D): DistillMosOutput {
    return this.#part.said(this.#network, values, gates);
  }

  #one(place: ClipPlace): Uint16Array {
    const key = `${place.shard}/${place.index}`;
    const known = this.#known.get(key);
    if (known) return known;
    const spectrum = () => spectrumOf(this.#network, [this.#data.stored(place)]);
    const halves = toFloat16(valuesOf(() => this.#part.heard(this.#network, spectrum())));
    this.#known.set(key, halves);
    return halves;
  }
}
