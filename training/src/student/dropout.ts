import type { Random } from '../run/random.ts';
import { tf } from '../tensorflow.ts';

/**
 * Leaves values out while a network is trained, so that it does not rely on any one of them; those that stay are scaled
 * up to keep the mean (Srivastava et al., JMLR 15, 2014).
 */
export class Dropout {
  readonly #share: number;
  readonly #random: Random;

  /** @param share of the values that is left out, 0 to below 1 */
  constructor(share: number, random: Random) {
    this.#share = share;
    this.#random = random;
  }

  /**
   * x [batch, values], or a sequence [batch, steps, values]: there the same values are left out in every step (Gal and
   * Ghahramani, arXiv 1512.05287).
   */
  apply<T extends tf.Tensor>(x: T): T {
    if (this.#share === 0) return x;
    const [batch, values] = [x.shape[0] as number, x.shape.at(-1) as number];
    const kept = Float32Array.from({ length: batch * values }, () =>
      this.#random.chance(this.#share) ? 0 : 1 / (1 - this.#share),
    );
    return x.mul(tf.tensor(kept, x.rank === 3 ? [batch, 1, values] : [batch, values]));
  }
}
