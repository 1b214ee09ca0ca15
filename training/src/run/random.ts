import { createHash } from 'node:crypto';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/** State of a random source: four 32-bit words. */
export type RandomState = readonly [number, number, number, number];

/**
 * One stream of random numbers. Every use of chance has a stream of its own, derived from the run's seed and a name, so
 * that nothing depends on the order in which work is done.
 */
export class Random {
  readonly #generator;

  private constructor(state: RandomState) {
    this.#generator = xoroshiro128plusFromState(state);
  }

  /** The stream called `names` of a seed: the same numbers wherever and whenever it is made. */
  static derive(seed: number, ...names: readonly (string | number)[]): Random {
    const digest = createHash('sha256')
      .update(JSON.stringify([seed, ...names]))
      .digest();
    const word = (index: number) => digest.readInt32LE(4 * index);
    return new Random([word(0), word(1), word(2), word(3)]);
  }

  /** Continues a stream from a value of `state()`. */
  static resume(state: RandomState): Random {
    return new Random(state);
  }

  state(): RandomState {
    const [a, b, c, d] = this.#generator.getState() as number[];
    return [a as number, b as number, c as number, d as number];
  }

  /** Uniform over [low, high); 0 to 1 by default. */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * uniformFloat64(this.#generator);
  }

  /** Uniform over the whole numbers from low to high, both included. */
  integer(low: number, high: number): number {
    return uniformInt(this.#generator, low, high);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  /** Normal with mean 0 and variance 1 (Box and Muller; one number per pair of uniforms). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** One of the items, each as likely. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('pick: no items');
    return items[this.integer(0, items.length - 1)] as T;
  }

  /** The index of one of the weights, with probability proportional to them. */
  weighted(weights: readonly number[]): number {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    if (!(total > 0)) throw new RangeError('weighted: weights have no positive sum');
    let rest = this.uniform() * total;
    for (let index = 0; index < weights.length; index++) {
      rest -= weights[index] as number;
      if (rest < 0) return index;
    }
    return weights.length - 1;
  }

  /** A new array of the items in random order (Fisher and Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = this.integer(0, last);
      [shuffled[last], shuffled[other]] = [shuffled[other] as T, shuffled[last] as T];
    }
    return shuffled;
  }
}
