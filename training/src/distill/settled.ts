import type { StudentConfiguration } from '../learning/configuration.ts';
import type { DataSet } from '../learning/data-set.ts';
import { epochBatches } from '../learning/order.ts';
import { type Batch, inputShapeOf, trainingBatch } from '../learning/windows.ts';
import { Random } from '../run/random.ts';
import type { NetworkConfiguration } from '../student/configuration.ts';
import { normalisationEpsilon } from '../student/constants.ts';
import { FoldedWeights } from '../student/folding.ts';
import { type BatchStatistics, Network } from '../student/network.ts';
import { type WeightArrays, weightSpecs } from '../student/weights.ts';
import { tf } from '../tensorflow.ts';

/** Windows that are heard. */
const heard = 64;

/**
 * A network whose normalisation has the statistics of what it hears in training, drawn from clips by the seed. Gains and shifts make
 * up for them, so that it says what it said; but now it says nearly the same in training, where each batch has its own statistics.
 */
export function settled(
  { network: shape, training }: StudentConfiguration,
  weights: WeightArrays,
  data: DataSet,
  seed: number,
): Map<string, Float32Array> {
  const batch = batchOf(shape, training, data, seed);
  const all = new Map(weights);
  const network = new Network(shape, all);
  // Layer by layer: what a layer hears in training is only what it hears in use once those below it are settled.
  for (const name of normalisations(shape)) {
    const { scale, offset } = new FoldedWeights(all).affine(name);
    const { mean, variance } = statisticsOf(network, name, batch);
    const parts = {
      ...{ mean, variance },
      gain: scale.map((value, n) => value * Math.sqrt((variance[n] as number) + normalisationEpsilon)),
      shift: offset.map((value, n) => value + (scale[n] as number) * (mean[n] as number)),
    };
    for (const [part, values] of Object.entries(parts)) {
      all.set(`${name}.${part}`, values);
      network.set(`${name}.${part}`, values);
    }
  }
  network.dispose();
  return all;
}

/** Windows as those of training, but none shorter than it need be. */
function batchOf(
  network: NetworkConfiguration,
  { windows, shardsInMemory }: StudentConfiguration['training'],
  data: DataSet,
  seed: number,
): Batch {
  const [places = []] = epochBatches(data.shardSizes, {
    ...{ seed, epoch: 0, batchSize: Math.min(heard, data.size) },
    shardsAtOnce: Math.max(1, shardsInMemory - 1),
  });
  const clips = places.map((place) => data.clip(place));
  const shape = inputShapeOf(network);
  return trainingBatch(clips, Random.derive(seed, 'settled'), { ...windows, shortened: 0 }, shape);
}

/** Names of the normalised layers in the order in which they are computed. */
function normalisations(network: NetworkConfiguration): string[] {
  return weightSpecs(network).flatMap(({ name }) => (name.endsWith('.mean') ? [name.slice(0, -'.mean'.length)] : []));
}

/** Mean and variance of what a layer normalises. */
function statisticsOf(network: Network, name: string, { size, frames, logMel }: Batch) {
  const listened: BatchStatistics = new Map();
  tf.tidy(() => {
    network.trunk(tf.tensor3d(logMel, [size, frames, network.configuration.mels]), { statistics: listened });
  });
  const { mean, variance } = listened.get(name) as { mean: tf.Tensor; variance: tf.Tensor };
  const values = {
    mean: mean.dataSync().slice() as Float32Array,
    variance: variance.dataSync().slice() as Float32Array,
  };
  tf.dispose([...listened.values()].flatMap((each) => [each.mean, each.variance]));
  return values;
}
