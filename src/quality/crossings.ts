import type { Cause, Crossing, StreamScore, WarningName } from '../events.ts';
import type { Thresholds } from './thresholds.ts';

/** What is looked at of a score. */
export type ScoreFields = Pick<StreamScore, 'mosLqo' | 'causes' | 'signal' | 'network'>;

/** Undefined: the score does not state it. Null: within the limits. */
type Finding = Crossing | null | undefined;

/** Whether a score is beyond the limits of a warning; undefined when it lacks what the warning is about. */
export function crossingOf(name: WarningName, score: ScoreFields, { warnings }: Thresholds): Finding {
  const limits = warnings[name];
  if (limits === false) return undefined;
  const findings = crossings[name](score, limits as never);
  return findings.find((finding) => finding != null) ?? findings.find((finding) => finding === null);
}

const crossings: { [Name in WarningName]: (score: ScoreFields, limits: LimitsOf<Name>) => Finding[] } = {
  'low-mos': ({ mosLqo }, limits) => [below('mosLqo', mosLqo, limits.mosLqo)],
  noise: (score, limits) => [likely(score, 'noise', limits.probability)],
  reverberation: (score, limits) => [likely(score, 'reverberation', limits.probability)],
  loss: (score, limits) => [
    from('lossRatio', score.network.lossRatio, limits.lossRatio),
    likely(score, 'loss', limits.probability),
  ],
  clipping: (score, limits) => [likely(score, 'clipping', limits.probability)],
  'band-limit': (score, limits) => [
    upTo('bandwidthHz', score.signal?.bandwidthHz, limits.bandwidthHz),
    likely(score, 'band-limit', limits.probability),
  ],
  level: ({ signal }, limits) => [
    below('levelDbov', signal?.levelDbov, limits.minDbov),
    above('levelDbov', signal?.levelDbov, limits.maxDbov),
  ],
};

type LimitsOf<Name extends WarningName> = Exclude<Thresholds['warnings'][Name], false>;

const comparing =
  (isBeyond: (value: number, threshold: number) => boolean) =>
  (quantity: Crossing['quantity'], value: number | undefined, threshold: number | false): Finding => {
    if (value === undefined || threshold === false) return undefined;
    return isBeyond(value, threshold) ? { quantity, value, threshold } : null;
  };
const below = comparing((value, threshold) => value < threshold);
const upTo = comparing((value, threshold) => value <= threshold);
const from = comparing((value, threshold) => value >= threshold);
const above = comparing((value, threshold) => value > threshold);

const likely = ({ causes }: ScoreFields, cause: Cause, threshold: number | false) =>
  from('probability', causes?.[cause], threshold);
