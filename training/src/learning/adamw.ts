/** Settings of the optimiser. */
export interface AdamWOptions {
  /** Decay of the mean of the gradients. Default 0.9. */
  beta1?: number;
  /** Decay of the mean of their squares. Default 0.999. */
  beta2?: number;
  /** Added to the root of the latter. Default 1e-8. */
  epsilon?: number;
  /** Share of a weight that is taken away per unit of learning rate. Default 0.01. */
  weightDecay?: number;
  /** Gradients are scaled down to this norm, all together. Default: not. */
  clipNorm?: number;
}

export interface Slot {
  weights: Float32Array;
  /** Moving mean of the gradient, and of its square. */
  mean: Float32Array;
  square: Float32Array;
  decays: boolean;
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2). It works on plain arrays, so
 * that its whole state can be written down.
 */
export class AdamW {
  readonly slots: ReadonlyMap<string, Slot>;
  readonly #options: Required<AdamWOptions>;
  /** Steps made. */
  step: number;

  constructor(
    slots: ReadonlyMap<string, Slot>,
    {
      beta1 = 0.9,
      beta2 = 0.999,
      epsilon = 1e-8,
      weightDecay = 0.01,
      clipNorm = Number.POSITIVE_INFINITY,
    }: AdamWOptions,
    step = 0,
  ) {
    this.slots = slots;
    this.#options = { beta1, beta2, epsilon, weightDecay, clipNorm };
    this.step = step;
  }

  /**
   * Changes the weights in place.
   *
   * @returns norm of all gradients before clipping
   * @throws {RangeError} when a gradient is missing or not finite; then nothing is changed
   */
  update(gradients: ReadonlyMap<string, Float32Array>, learningRate: number): number {
    const { beta1, beta2, epsilon, weightDecay, clipNorm } = this.#options;
    let squares = 0;
    for (const name of this.slots.keys()) {
      const gradient = gradients.get(name);
      if (!gradient) throw new RangeError(`no gradient of ${name}`);
      for (const value of gradient) squares += value * value;
    }
    const norm = Math.sqrt(squares);
    if (!Number.isFinite(norm)) throw new RangeError(`the gradients are not finite: their norm is ${norm}`);
    const clip = norm > clipNorm ? clipNorm / norm : 1;
    this.step++;
    const correction1 = 1 - beta1 ** this.step;
    const correction2 = 1 - beta2 ** this.step;
    for (const [name, { weights, mean, square, decays }] of this.slots) {
      const gradient = gradients.get(name) as Float32Array;
      const keep = 1 - (decays ? learningRate * weightDecay : 0);
      for (let n = 0; n < weights.length; n++) {
        const g = clip * (gradient[n] as number);
        mean[n] = beta1 * (mean[n] as number) + (1 - beta1) * g;
        square[n] = beta2 * (square[n] as number) + (1 - beta2) * g * g;
        const pace = (mean[n] as number) / correction1 / (Math.sqrt((square[n] as number) / correction2) + epsilon);
        weights[n] = keep * (weights[n] as number) - learningRate * pace;
      }
    }
    return norm;
  }
}
