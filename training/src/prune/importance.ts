import { type ArrayLayout, sumsOverReaders, type UnitGroup, type Weights } from '../structure/structure.ts';

/** A value per unit, by group. */
export type PerUnit = ReadonlyMap<string, Float64Array>;

/**
 * How the loss of a batch changes, to first order, as units fade: a unit is removed by setting the weights that read it to
 * 0, and the derivative along that way is the sum of weight times gradient over them.
 */
export function sensitivities(
  groups: readonly UnitGroup[],
  layouts: readonly ArrayLayout[],
  weights: Weights,
  gradients: Weights,
): Map<string, Float64Array> {
  return sumsOverReaders(groups, layouts, (name) => {
    const [values, slopes] = [weights.get(name), gradients.get(name)];
    if (!values || !slopes) throw new RangeError(`no weights or no gradient of ${name}`);
    return (n) => (values[n] as number) * (slopes[n] as number);
  });
}

/**
 * Importance of units by the data: the mean over batches of the squared sensitivity (first-order Taylor expansion of the
 * loss: P. Molchanov et al., "Importance Estimation for Neural Network Pruning", arXiv 1906.10771; for attention heads P.
 * Michel et al., arXiv 1905.10650, who take the absolute value).
 */
export class ImportanceMeter {
  readonly #sums: Map<string, Float64Array>;
  #batches = 0;

  constructor(groups: readonly UnitGroup[]) {
    this.#sums = new Map(groups.map(({ name, size }) => [name, new Float64Array(size)]));
  }

  add(batch: PerUnit): void {
    this.#batches++;
    for (const [group, sums] of this.#sums) {
      const values = batch.get(group);
      if (values?.length !== sums.length) throw new RangeError(`no sensitivities of ${group}`);
      for (let unit = 0; unit < sums.length; unit++)
        sums[unit] = (sums[unit] as number) + (values[unit] as number) ** 2;
    }
  }

  importance(): Map<string, Float64Array> {
    return new Map([...this.#sums].map(([group, sums]) => [group, sums.map((sum) => sum / this.#batches)]));
  }
}
