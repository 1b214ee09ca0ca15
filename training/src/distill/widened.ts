import { isDeepStrictEqual } from 'node:util';
import { everything, putInto } from '../structure/structure.ts';
import { studentFamily } from '../structure/student-family.ts';
import type { NetworkConfiguration } from '../student/configuration.ts';
import { initialWeights, type WeightArrays } from '../student/weights.ts';

/**
 * A network with more units that says what it said: the new ones hear the old ones through random weights of the seed, and nothing
 * listens to them yet (after Chen et al., arXiv 1511.05641).
 *
 * @throws {RangeError} when `wider` is not wider
 */
export function widened(
  network: NetworkConfiguration,
  weights: WeightArrays,
  wider: NetworkConfiguration,
  seed: number,
): Map<string, Float32Array> {
  if (!isWider(wider, network)) throw new RangeError('wider: is not the network with more units');
  const arrays = initialWeights(wider, seed);
  putInto(
    { layouts: studentFamily.layouts(wider), weights: arrays },
    { layouts: studentFamily.layouts(network), weights },
    (value, place, { view, reads = [] }) =>
      reads.some((axis) => (place[axis] as number) >= (view[axis] as number)) ? 0 : value,
  );
  return arrays;
}

/** Whether a network is another one with more units in some of its groups. */
export function isWider(wider: NetworkConfiguration, network: NetworkConfiguration): boolean {
  const sizes = new Map(studentFamily.groups(network).map(({ name, size }) => [name, size]));
  const units = everything(studentFamily.groups(wider));
  for (const [name, all] of units) units.set(name, all.slice(0, sizes.get(name) ?? 0));
  return isDeepStrictEqual(studentFamily.shrunk(wider, units), network);
}
