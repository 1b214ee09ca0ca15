/** Lowest and highest value of an activation. */
export interface Range {
  low: number;
  high: number;
}

/** Ranges of the inputs, and where they are rounded too of the outputs, of each layer. */
export type Ranges = ReadonlyMap<string, { input: Range; output?: Range }>;

type End = keyof Range;
type Side = 'input' | 'output';

/** Name under which a probed graph gives out an end of a range. */
export function probeName(layer: string, side: Side, end: End): string {
  return `probe/${layer}/${side}/${end}`;
}

/** Joins the outputs of probed graphs, clip by clip. */
export class RangeCollector {
  /** By layer and side: the extremes of each clip. */
  readonly #extremes = new Map<string, Map<Side, { low: number[]; high: number[] }>>();

  add(outputs: Readonly<Record<string, { values: Float32Array }>>): void {
    for (const [key, { values }] of Object.entries(outputs)) {
      const [, layer, side, end] = /^probe\/(.+)\/(input|output)\/(low|high)$/.exec(key) ?? [];
      if (layer === undefined) continue;
      const sides = this.#extremes.get(layer) ?? new Map<Side, { low: number[]; high: number[] }>();
      this.#extremes.set(layer, sides);
      const ends = sides.get(side as Side) ?? { low: [], high: [] };
      sides.set(side as Side, ends);
      ends[end as End].push(values[0] as number);
    }
  }

  /**
   * Ranges that hold 0 and each end of at least a share of the clips: with less than 1, values that only a few loud clips reach are cut
   * off, and the rest resolved more finely.
   */
  ranges(share: number): Ranges {
    const sideRange = ({ low, high }: { low: number[]; high: number[] }): Range => ({
      low: -reached(
        low.map((value) => -value),
        share,
      ),
      high: reached(high, share),
    });
    return new Map(
      [...this.#extremes].map(([layer, sides]) => {
        const [input, output] = [sides.get('input'), sides.get('output')];
        if (!input) throw new RangeError(`no input of ${layer} was probed`);
        return [layer, { input: sideRange(input), ...(output ? { output: sideRange(output) } : {}) }];
      }),
    );
  }
}

/** Quantile of the values; at least 0. */
function reached(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.max(0, sorted[Math.ceil(share * sorted.length) - 1] as number);
}
