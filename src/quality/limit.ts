import type { Limit, NetworkQuality } from '../events.ts';

/** From this MOS on neither sound nor network is blamed: the border of `good` (see `Thresholds.states`). */
const wellFrom = 3.5;

/** What keeps a score from being good: the sound itself, the network, both, or neither. */
export function limitOf(mosLqo: number, { mosCqe, effectiveLossRatio }: NetworkQuality): Limit {
  const soundIsBad = mosLqo < wellFrom;
  const networkIsBad = mosCqe < wellFrom && effectiveLossRatio !== 0;
  if (soundIsBad) return networkIsBad ? 'both' : 'content';
  return networkIsBad ? 'network' : 'none';
}

/**
 * The MOS that states are made of: the lower of content and network where packets were lost for good, else the content alone. A
 * model scores what is left of the speech; what is missing, the E-model knows better.
 */
export function stateMosOf(mosLqo: number, { mosCqe, effectiveLossRatio }: NetworkQuality): number {
  return (effectiveLossRatio ?? 0) > 0 ? Math.min(mosLqo, mosCqe) : mosLqo;
}
