import { studentFamily } from '../prune/student-family.ts';
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
  const views = new Map(studentFamily.layouts(filled).map(({ name, view }) => [name, view]));
  const shapes = new Map(weightSpecs(filled).map(({ name, shape }) => [name, shape]));
  const arrays = studentFamily.layouts(network).map(({ name, view }): [string, Float32Array] => {
    const values = weights.get(name);
    if (!values) throw new RangeError(`weights: ${name} is missing`);
    const larger = new Float32Array(sizeOf(shapes.get(name) as readonly number[]));
    values.forEach((value, index) => {
      larger[movedTo(index, view, views.get(name) as readonly number[])] = value;
    });
    return [name, larger];
  });
  return { network: filled, weights: new Map(arrays) };
}

/** Where an entry of an array lies in one with longer axes. */
function movedTo(index: number, from: readonly number[], to: readonly number[]): number {
  let [rest, place, stride] = [index, 0, 1];
  for (let axis = from.length - 1; axis >= 0; axis--) {
    const size = from[axis] as number;
    place += (rest % size) * stride;
    rest = Math.floor(rest / size);
    stride *= to[axis] as number;
  }
  return place;
}
