import { type DistillMosShape, distillMosSamples, distillMosSpecs } from '../../src/distill-mos/shape.ts';
import { Random } from '../../src/run/random.ts';

/** A small Distill-MOS as pruning leaves it: no two layers alike. */
export const irregularShape: DistillMosShape = {
  channels: [3, 4, 5, 4, 6, 3],
  width: 10,
  headSize: 4,
  layers: [
    { heads: 2, units: 7 },
    { heads: 1, units: 5 },
  ],
  pooling: 6,
};

/** Random weights of the size at which activations stay as large as they are. */
export function randomDistillMos(shape: DistillMosShape, seed = 1): Map<string, Float32Array> {
  return new Map(
    distillMosSpecs(shape).map(({ name, shape: sizes }) => {
      const random = Random.derive(seed, 'weights', name);
      const inputs = sizes.slice(0, -1).reduce((product, size) => product * size, 1);
      const value = () =>
        name.endsWith('gain')
          ? random.uniform(0.5, 1.5)
          : name.endsWith('kernel')
            ? (random.normal() * (name.startsWith('mos') ? 4 : 1)) /
              Math.sqrt(name.startsWith('layer') ? 4 * inputs : inputs)
            : 0.1 * random.normal();
      return [name, Float32Array.from({ length: sizes.reduce((product, size) => product * size, 1) }, value)];
    }),
  );
}

/** The first window of a clip, filled up with silence. */
export function windowOf(samples: Float32Array): Float32Array {
  const window = new Float32Array(distillMosSamples);
  window.set(samples.subarray(0, distillMosSamples));
  return window;
}
