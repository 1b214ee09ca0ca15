import type { NativeStreamStats } from '../engine/contract.ts';
import type { SignalQuality } from '../events.ts';

/** The level of the newest talk, from statistics that only have the mean of all talk. */
export class SignalMeter {
  #activeMs = 0;
  /** Mean power of all talk times its duration; a full-scale square wave has power 1. */
  #energy = 0;

  /** What came since the last reading; undefined when that was no talk. */
  read({
    levelDbov,
    activeMs,
    bandwidthHz,
  }: Pick<NativeStreamStats, 'levelDbov' | 'activeMs' | 'bandwidthHz'>): SignalQuality | undefined {
    const energy = 10 ** (levelDbov / 10) * activeMs;
    const power = (energy - this.#energy) / (activeMs - this.#activeMs);
    if (activeMs <= this.#activeMs) return undefined;
    this.#activeMs = activeMs;
    this.#energy = energy;
    const level = Math.min(0, Math.max(-127, 10 * Math.log10(Math.max(power, 1e-13))));
    return bandwidthHz > 0 ? { levelDbov: level, bandwidthHz } : { levelDbov: level };
  }
}
