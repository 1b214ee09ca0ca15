import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

export interface ImpairmentOptions {
  /** Share of packets lost in the long run, 0 to below 1. Default 0. */
  lossRatio?: number;
  /** Mean length of a run of lost packets, at least 1 / (1 - lossRatio), which is what independent losses give. Default: that. */
  lossBurstPackets?: number;
  /** Constant delay, ms. Default 0. */
  delayMs?: number;
  /** Further delay, uniform from 0 to this, ms; packets stay in order. Default 0. */
  jitterMs?: number;
  /** Share of packets held back by `reorderMs`, so that later ones overtake them, 0 to 1. Default 0. */
  reorderRatio?: number;
  /** Default 50 ms. */
  reorderMs?: number;
  /** Share of packets sent twice, 0 to 1. Default 0. */
  duplicateRatio?: number;
  /** Same seed, same fate of the n-th packet. An integer other than 0. Default 1. */
  seed?: number;
}

/**
 * What a bad network does to a flow of packets, decided by a seeded generator.
 *
 * Loss is a Gilbert model, the two-state case of Gilbert-Elliott in which the good state loses nothing and the bad state everything:
 * bad -> good with 1 / burst, good -> bad with ratio / (1 - ratio) / burst, so that both the ratio and the mean burst come out as asked.
 */
export class Impairment {
  readonly #random: () => number;
  readonly #delayMs: number;
  readonly #jitterMs: number;
  readonly #reorderRatio: number;
  readonly #reorderMs: number;
  readonly #duplicateRatio: number;
  readonly #enterLoss: number;
  readonly #leaveLoss: number;
  #losing = false;
  #lastDepartureMs = Number.NEGATIVE_INFINITY;

  constructor(options: ImpairmentOptions = {}) {
    const {
      lossRatio = 0,
      lossBurstPackets = 1 / (1 - lossRatio),
      delayMs = 0,
      jitterMs = 0,
      reorderRatio = 0,
      reorderMs = 50,
      duplicateRatio = 0,
      seed = 1,
      ...unknown
    } = options;
    const [unknownName] = Object.keys(unknown);
    if (unknownName !== undefined) throw new TypeError(`unknown impairment option: ${unknownName}`);
    for (const [name, value, max] of [
      ['lossRatio', lossRatio, 1 - Number.EPSILON],
      ['reorderRatio', reorderRatio, 1],
      ['duplicateRatio', duplicateRatio, 1],
      ['delayMs', delayMs, 60_000],
      ['jitterMs', jitterMs, 60_000],
      ['reorderMs', reorderMs, 60_000],
    ] as const) {
      if (!(value >= 0 && value <= max)) throw new RangeError(`${name} must be from 0 to ${max}: ${value}`);
    }
    const leastBurst = 1 / (1 - lossRatio);
    if (!(lossBurstPackets >= leastBurst * (1 - 1e-9))) {
      throw new RangeError(
        `lossBurstPackets must be at least 1 / (1 - lossRatio) = ${leastBurst}: ${lossBurstPackets}`,
      );
    }
    if (!Number.isInteger(seed) || seed === 0) throw new RangeError(`seed must be an integer other than 0: ${seed}`);

    const generator = xoroshiro128plus(seed);
    this.#random = () => uniformFloat64(generator);
    this.#delayMs = delayMs;
    this.#jitterMs = jitterMs;
    this.#reorderRatio = reorderRatio;
    this.#reorderMs = reorderMs;
    this.#duplicateRatio = duplicateRatio;
    this.#leaveLoss = 1 / lossBurstPackets;
    this.#enterLoss = lossRatio / (1 - lossRatio) / lossBurstPackets;
  }

  /** When the copies of a packet that comes at `nowMs` go on: no entry = lost, two = duplicated. */
  departures(nowMs: number): number[] {
    // The same number of draws for every packet: one option's ratio does not shift the fate that another decides.
    const [loss, jitter, reorder, duplicate] = [this.#random(), this.#random(), this.#random(), this.#random()];
    this.#losing = this.#losing ? loss >= this.#leaveLoss : loss < this.#enterLoss;
    if (this.#losing) return [];
    const inOrderMs = Math.max(nowMs + this.#delayMs + jitter * this.#jitterMs, this.#lastDepartureMs);
    const heldBack = reorder < this.#reorderRatio;
    if (!heldBack) this.#lastDepartureMs = inOrderMs;
    const departureMs = heldBack ? inOrderMs + this.#reorderMs : inOrderMs;
    return duplicate < this.#duplicateRatio ? [departureMs, departureMs] : [departureMs];
  }
}
