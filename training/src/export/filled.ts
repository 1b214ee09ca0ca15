import { putInto } from '../structure/structure.ts';
import { studentFamily } from '../structure/student-family.ts';
import type { NetworkConfiguration } from '../student/configuration.ts';
import { sizeOf, type WeightArrays, weightSpecs } from '../student/weights.ts';

/** Units that processors compute at once: onnxruntime's kernels take twice as long, and longer, when a rest is left. */
const unitsAtOnce = 8;

/**
 * The same network with its layers filled up to multiples of 8 units, by units whose weights are all zero: what pruning leaves is
 * of any size. It says what it said. Heads of the pooling stay as many as they are.
 */
export function filledUp(
  network: NetworkConfiguration,
  weights: WeightArrays,
): { network: NetworkConfiguration; weights: WeightArrays } {
  const { trunk, width, hidden } = network;
  const whole = (units: number) => Math.ceil(units / unitsAtOnce) * unitsAtOnce;
  const filled: NetworkConfiguration = {
    ...network,
    trunk: trunk.map((layer) => ({ ...layer, channels: whole(layer.channels) })),
    ...{ width: whole(width), hidden: whole(hidden) },
  };
  const arrays = new Map(weightSpecs(filled).map(({ name, shape }) => [name, new Float32Array(sizeOf(shape))]));
  putInto(
    { layouts: studentFamily.layouts(filled), weights: arrays },
    { layouts: studentFamily.layouts(network), weights },
  );
  return { network: filled, weights: arrays };
}
