import { Random } from '../../src/run/random.ts';
import type { NetworkConfiguration } from '../../src/student/configuration.ts';
import { initialWeights, weightSpecs } from '../../src/student/weights.ts';

/** Random weights with statistics and gains as a trained network has them. */
export function trainedWeights(network: NetworkConfiguration): Map<string, Float32Array> {
  const weights = initialWeights(network, 1);
  for (const { name } of weightSpecs(network)) {
    const random = Random.derive(5, name);
    const values = weights.get(name) as Float32Array;
    const isVariance = name.endsWith('.variance');
    if (!isVariance && !/(gain|shift|mean|bias)$/.test(name)) continue;
    const changed = (value: number) => (isVariance ? random.uniform(0.5, 2) : value + 0.3 * random.normal());
    weights.set(name, values.map(changed));
  }
  return weights;
}
