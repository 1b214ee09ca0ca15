import { z } from 'zod';
import { Random } from '../run/random.ts';
import { causeNames } from '../student/configuration.ts';

const count = z.number().int().positive();

/** Samples of the input window, 7.68 s at 16 kHz; shorter sound is padded with silence at its end. */
export const distillMosSamples = 122_880;

/** Bins and frames of the compressed spectrum, and steps that the convolutions leave. */
export const spectrumBins = 161;
export const spectrumFrames = 768;
export const steps = 384;

/** Strides (frequency, time) of the convolutions, each 3 x 3, without padding in frequency. */
export const strides: readonly (readonly [number, number])[] = [
  [1, 1],
  [2, 1],
  [2, 1],
  [2, 1],
  [2, 1],
  [2, 2],
];

/** Shape of a pruned Distill-MOS; the published network is `publishedShape`. */
export const distillMosShapeSchema = z.strictObject({
  /** Of each convolution. */
  channels: z.array(count).length(strides.length),
  /** Values per step that the transformer layers hand on. */
  width: count,
  /** Values per attention head. */
  headSize: count,
  /** Transformer layers: attention heads and feed-forward units of each. */
  layers: z.array(z.strictObject({ heads: count, units: count })),
  /** Units of the attention of the pooling. */
  pooling: count,
  /**
   * Auxiliary heads, if any: speech, from each step; variance and causes, from so many hidden units.
   */
  besides: z.strictObject({ hidden: count }).optional(),
});

export type DistillMosShape = z.output<typeof distillMosShapeSchema>;

export const publishedShape: DistillMosShape = {
  channels: [64, 64, 128, 256, 256, 256],
  width: 200,
  headSize: 25,
  layers: Array.from({ length: 7 }, () => ({ heads: 8, units: 400 })),
  pooling: 400,
};

/** Bins before the first convolution, between, and after the last one. */
export const bandsBetween: readonly number[] = (() => {
  const bands = [spectrumBins];
  for (const [stride] of strides) bands.push(Math.floor(((bands.at(-1) as number) - 3) / stride) + 1);
  return bands;
})();

/** Values per step that the convolutions hand over: channels times bands. */
export function featuresOf({ channels }: DistillMosShape): number {
  return (channels.at(-1) as number) * (bandsBetween.at(-1) as number);
}

export interface ArraySpec {
  name: string;
  shape: readonly number[];
  /** False for constants. */
  trainable: boolean;
  /** Whether weight decay applies: matrices and kernels, not biases and gains. */
  decays: boolean;
}

/** Every array of the network, in a fixed order. Kernels are [frequency, time, inputs, outputs] and [inputs, outputs]. */
export function distillMosSpecs(shape: DistillMosShape): ArraySpec[] {
  const { channels, width, headSize, layers, pooling, besides } = shape;
  const kernel = (name: string, ...sizes: number[]): ArraySpec => ({
    ...{ name: `${name}.kernel`, shape: sizes, trainable: true, decays: true },
  });
  const vector = (name: string, size: number): ArraySpec => ({ name, shape: [size], trainable: true, decays: false });
  const dense = (name: string, inputs: number, outputs: number) => [
    kernel(name, inputs, outputs),
    vector(`${name}.bias`, outputs),
  ];
  const affine = (name: string, size: number) => [vector(`${name}.gain`, size), vector(`${name}.shift`, size)];
  return [
    ...channels.flatMap((outputs, index) => [
      kernel(`convolution.${index}`, 3, 3, index === 0 ? 2 : (channels[index - 1] as number), outputs),
      vector(`convolution.${index}.bias`, outputs),
    ]),
    ...affine('features', featuresOf(shape)),
    ...dense('projection', featuresOf(shape), width),
    { name: 'positions', shape: [steps, width], trainable: false, decays: false },
    ...layers.flatMap(({ heads, units }, index) => [
      ...dense(`layer.${index}.attention`, width, 3 * heads * headSize),
      ...dense(`layer.${index}.attended`, heads * headSize, width),
      ...affine(`layer.${index}.attendedNorm`, width),
      ...dense(`layer.${index}.units`, width, units),
      ...dense(`layer.${index}.fed`, units, width),
      ...affine(`layer.${index}.fedNorm`, width),
    ]),
    ...affine('pooled', width),
    ...dense('pooling.units', width, pooling),
    ...dense('pooling.score', pooling, 1),
    ...dense('mos', width, 1),
    ...(besides
      ? [
          ...dense('speech', width, 1),
          ...dense('hidden', width, besides.hidden),
          ...dense('variance', besides.hidden, 1),
          ...dense('causes', besides.hidden, causeNames.length),
        ]
      : []),
  ];
}

/** The same network with untrained auxiliary heads. */
export function withBesides(
  { shape, weights }: { shape: DistillMosShape; weights: ReadonlyMap<string, Float32Array> },
  hidden: number,
  seed: number,
): { shape: DistillMosShape; weights: Map<string, Float32Array> } {
  const further: DistillMosShape = { ...shape, besides: { hidden } };
  const arrays = distillMosSpecs(further).map(({ name, shape: sizes }): [string, Float32Array] => {
    const random = Random.derive(seed, 'besides', name);
    const size = sizes.reduce((product, length) => product * length, 1);
    // Of the size at which values keep theirs; biases begin at 0.
    const deviation = sizes.length > 1 ? 1 / Math.sqrt(sizes[0] as number) : 0;
    return [name, weights.get(name) ?? Float32Array.from({ length: size }, () => deviation * random.normal())];
  });
  return { shape: further, weights: new Map(arrays) };
}
