import { cutOut, sumsOverReaders } from '../structure/structure.ts';
import { studentFamily } from '../structure/student-family.ts';
import type { NetworkConfiguration } from '../student/configuration.ts';
import type { WeightArrays } from '../student/weights.ts';

/** Dead-unit removal: the same network without units that nothing reads, such as those of `filledUp`. Outputs do not change. */
export function withoutUnread(
  network: NetworkConfiguration,
  weights: WeightArrays,
): { network: NetworkConfiguration; weights: Map<string, Float32Array> } {
  const layouts = studentFamily.layouts(network);
  const sums = sumsOverReaders(studentFamily.groups(network), layouts, (name) => {
    const values = weights.get(name) as Float32Array;
    return (index) => Math.abs(values[index] as number);
  });
  const kept = new Map(
    [...sums].map(([group, read]) => [group, [...read.keys()].filter((unit) => (read[unit] as number) > 0)]),
  );
  return { network: studentFamily.shrunk(network, kept), weights: cutOut(layouts, weights, kept) };
}
