import { DistillMosNetwork } from '../distill-mos/network.ts';
import {
  bandsBetween,
  type DistillMosShape,
  distillMosSamples,
  featuresOf,
  steps,
  strides,
} from '../distill-mos/shape.ts';
import { Random } from '../run/random.ts';
import type { Kept, Weights } from '../structure/structure.ts';
import { tf, valuesOf } from '../tensorflow.ts';
import { LeastSquares } from './least-squares.ts';

/** A network as it was, or as it is after units were taken out. */
export interface Reduced {
  shape: DistillMosShape;
  weights: Weights;
}

/** Places of a clip that are compared in each layer. */
const placesPerClip = 400;

/**
 * Compensates for the units removed from Distill-MOS: layer after layer, the remaining weights are fitted so that the
 * layer's output is what it was before, in the least squares on real clips (reconstruction after Y. He et al., "Channel
 * pruning for accelerating very deep neural networks", arXiv 1707.06168; each layer gets the present outputs of those before it). The
 * convolutions and the projection are fitted; later layers are left to training.
 *
 * @param waveforms of 7.68 s each
 * @returns the smaller network's weights
 */
export function refitted(
  larger: Reduced,
  smaller: Reduced,
  kept: Kept,
  waveforms: readonly Float32Array[],
): Map<string, Float32Array> {
  const [before, after] = [larger, smaller].map(({ shape, weights }) => new DistillMosNetwork(shape, weights)) as [
    DistillMosNetwork,
    DistillMosNetwork,
  ];
  const weights = new Map(smaller.weights);
  const set = (name: string, values: Float32Array) => {
    weights.set(name, values);
    after.set(name, values);
  };
  const spectra = waveforms.map((samples) =>
    tf.tidy(() => before.spectrum(tf.tensor2d(samples, [1, distillMosSamples]))),
  );
  let pairs = spectra.map((spectrum) => ({ was: spectrum, is: spectrum.clone() }));
  for (const [index, outputs] of smaller.shape.channels.entries()) {
    const units = kept.get(`convolution.${index}`) as readonly number[];
    const inputs = index === 0 ? 2 : (smaller.shape.channels[index - 1] as number);
    const fit = new LeastSquares(9 * inputs, outputs);
    for (const [clip, { was, is }] of pairs.entries()) {
      const wanted = valuesOf(() => tf.gather(before.convolved(was, index), units as number[], 3));
      const heard = is.dataSync() as Float32Array;
      const random = Random.derive(clip, 'refit', index);
      const { rows, targets } = patches({ heard, wanted, index, inputs, outputs, random });
      fit.add(rows, targets);
    }
    const { kernel, bias } = fit.solve();
    set(`convolution.${index}.kernel`, kernel);
    set(`convolution.${index}.bias`, bias);
    const next = pairs.map(({ was, is }) =>
      tf.tidy(() => ({
        was: before.activated(before.convolved(was, index)),
        is: after.activated(after.convolved(is, index)),
      })),
    );
    tf.dispose(pairs);
    pairs = next;
  }
  const width = kept.get('width') as readonly number[];
  const projection = new LeastSquares(featuresOf(smaller.shape), width.length);
  for (const { was, is } of pairs) {
    const wanted = valuesOf(() => tf.gather(before.projected(before.flattened(was)).values, width as number[], 1));
    projection.add(
      valuesOf(() => after.projected(after.flattened(is)).normalised),
      wanted,
    );
  }
  const { kernel, bias } = projection.solve();
  set('projection.kernel', kernel);
  set('projection.bias', bias);
  tf.dispose(pairs);
  before.dispose();
  after.dispose();
  return weights;
}

/** Inputs [places, 9 x inputs] and targets [places, outputs] of a 3 x 3 convolution at random places of a clip. */
function patches({
  heard,
  wanted,
  index,
  inputs,
  outputs,
  random,
}: {
  /** [bands, frames, inputs]. */
  heard: Float32Array;
  /** [bands, frames, outputs], by the strides of the convolution. */
  wanted: Float32Array;
  index: number;
  inputs: number;
  outputs: number;
  random: Random;
}): { rows: Float32Array; targets: Float32Array } {
  const frames = 2 * steps;
  const [bandStride, frameStride] = strides[index] as readonly [number, number];
  const [bands, times] = [bandsBetween[index + 1] as number, frames / frameStride];
  const rows = new Float32Array(placesPerClip * 9 * inputs);
  const targets = new Float32Array(placesPerClip * outputs);
  for (let place = 0; place < placesPerClip; place++) {
    const [band, time] = [random.integer(0, bands - 1), random.integer(0, times - 1)];
    for (let n = 0; n < 9; n++) {
      const frame = frameStride * time + (n % 3) - 1;
      if (frame < 0 || frame >= frames) continue; // padding
      const from = ((bandStride * band + Math.floor(n / 3)) * frames + frame) * inputs;
      rows.set(heard.subarray(from, from + inputs), (place * 9 + n) * inputs);
    }
    const at = (band * times + time) * outputs;
    targets.set(wanted.subarray(at, at + outputs), place * outputs);
  }
  return { rows, targets };
}
