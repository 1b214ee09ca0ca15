import { putInto } from '../structure/structure.ts';
import { studentFamily } from '../structure/student-family.ts';
import type { NetworkConfiguration } from '../student/configuration.ts';
import { sizeOf, type WeightArrays, weightSpecs } from '../student/weights.ts';

/** Units per vector operation: onnxruntime's kernels take at least twice as long when a remainder is left. */
const unitsAtOnce = 8;

/**
 * Channel padding: the same network with each layer padded to a multiple of 8 units whose weights are all zero, as pruning leaves
 * any number. Outputs do not change. The number of pooling heads stays.
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
