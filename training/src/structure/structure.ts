/** A group of removable units of one kind, such as the channels of a layer. */
export interface UnitGroup {
  name: string;
  size: number;
  /** Units that must stay. */
  least: number;
  /** The unit, as a layer, that all of these go with. */
  within?: { group: string; unit: number };
}

/** How the units of groups lie in an array of a network. */
export interface ArrayLayout {
  name: string;
  /** Sizes of its axes, split or joined so that each has units of one group, or none. */
  view: readonly number[];
  /** Group of each axis. */
  axes: readonly (string | undefined)[];
  /** Axes whose units are read here: what of a unit reaches the rest of the network is the sum over all that reads it. */
  reads?: readonly number[];
  /** The unit that the whole array belongs to, as a layer; the rest is renumbered. */
  owner?: { group: string; unit: number; rename: (place: number) => string; reads?: boolean };
}

export interface Cost {
  /** Trained values. */
  parameters: number;
  /** Multiplications and additions for a second of audio at one score per second. */
  macsPerSecond: number;
}

/** Indices of the units that stay, by group, in rising order. */
export type Kept = ReadonlyMap<string, readonly number[]>;

export type Weights = ReadonlyMap<string, Float32Array>;

/** All that pruning must know of a kind of network. */
export interface Family<Shape> {
  groups(shape: Shape): UnitGroup[];
  layouts(shape: Shape): ArrayLayout[];
  shrunk(shape: Shape, kept: Kept): Shape;
  cost(shape: Shape): Cost;
}

/** Every unit of a network. */
export function everything(groups: readonly UnitGroup[]): Map<string, readonly number[]> {
  return new Map(groups.map(({ name, size }) => [name, Array.from({ length: size }, (_, unit) => unit)]));
}

/** The arrays of the smaller network: values of removed units are cut out. */
export function cutOut(layouts: readonly ArrayLayout[], weights: Weights, kept: Kept): Map<string, Float32Array> {
  const keptOf = (group: string) => {
    const units = kept.get(group);
    if (!units) throw new RangeError(`nothing is said of ${group}`);
    return units;
  };
  const cut = new Map<string, Float32Array>();
  for (const { name, view, axes, owner } of layouts) {
    const place = owner ? keptOf(owner.group).indexOf(owner.unit) : 0;
    if (place < 0) continue;
    let [values, sizes] = [valuesOf(weights, name), view];
    axes.forEach((group, axis) => {
      if (group === undefined) return;
      const units = keptOf(group);
      values = take(values, sizes, axis, units);
      sizes = sizes.map((size, other) => (other === axis ? units.length : size));
    });
    cut.set(owner ? owner.rename(place) : name, values);
  }
  return cut;
}

/**
 * Puts the arrays of a network into those of a larger one, `larger`, whose first units in every group are its own.
 *
 * @param added - what becomes of the other entries of an array. Default: they stay as they are
 */
export function putInto(
  larger: { layouts: readonly ArrayLayout[]; weights: Weights },
  smaller: { layouts: readonly ArrayLayout[]; weights: Weights },
  added?: (value: number, place: readonly number[], from: ArrayLayout) => number,
): void {
  const views = new Map(larger.layouts.map(({ name, view }) => [name, view]));
  for (const layout of smaller.layouts) {
    const view = views.get(layout.name);
    if (!view) throw new RangeError(`the larger network has no ${layout.name}`);
    const [from, to] = [valuesOf(smaller.weights, layout.name), valuesOf(larger.weights, layout.name)];
    for (let index = 0; index < to.length; index++) {
      const place = placeOf(index, view);
      if (place.every((unit, axis) => unit < (layout.view[axis] as number))) {
        to[index] = from[indexOf(place, layout.view)] as number;
      } else if (added) to[index] = added(to[index] as number, place, layout);
    }
  }
}

/** Index along each axis of an entry. */
function placeOf(index: number, view: readonly number[]): number[] {
  let rest = index;
  return view
    .toReversed()
    .map((size) => {
      const unit = rest % size;
      rest = Math.floor(rest / size);
      return unit;
    })
    .toReversed();
}

function indexOf(place: readonly number[], view: readonly number[]): number {
  return place.reduce((index, unit, axis) => index * (view[axis] as number) + unit, 0);
}

/**
 * What each unit adds to a sum over the weights that read it; `term` gives the summand of a weight.
 *
 * @returns a value per unit, by group
 */
export function sumsOverReaders(
  groups: readonly UnitGroup[],
  layouts: readonly ArrayLayout[],
  term: (name: string) => (index: number) => number,
): Map<string, Float64Array> {
  const sums = new Map(groups.map(({ name, size }) => [name, new Float64Array(size)]));
  const add = (group: string, unit: number, value: number) => {
    const of = sums.get(group) as Float64Array;
    of[unit] = (of[unit] as number) + value;
  };
  for (const { name, view, axes, reads = [], owner } of layouts) {
    if (reads.length === 0 && !owner?.reads) continue;
    const value = term(name);
    const size = product(view);
    for (const axis of reads) {
      const inner = product(view.slice(axis + 1));
      const units = view[axis] as number;
      for (let n = 0; n < size; n++) add(axes[axis] as string, Math.floor(n / inner) % units, value(n));
    }
    if (owner?.reads) for (let n = 0; n < size; n++) add(owner.group, owner.unit, value(n));
  }
  return sums;
}

/** The entries `units` of an axis. */
function take(values: Float32Array, sizes: readonly number[], axis: number, units: readonly number[]): Float32Array {
  const inner = product(sizes.slice(axis + 1));
  const outer = product(sizes.slice(0, axis));
  const size = sizes[axis] as number;
  const taken = new Float32Array(outer * units.length * inner);
  for (let row = 0; row < outer; row++) {
    units.forEach((unit, place) => {
      const from = (row * size + unit) * inner;
      taken.set(values.subarray(from, from + inner), (row * units.length + place) * inner);
    });
  }
  return taken;
}

function valuesOf(weights: Weights, name: string): Float32Array {
  const values = weights.get(name);
  if (!values) throw new RangeError(`weights: ${name} is missing`);
  return values;
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1);
}
