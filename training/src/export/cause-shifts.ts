import { type Cause, causes } from '../../../src/event-words.ts';
import type { WeightArrays } from '../student/weights.ts';

/** What is added to the log-odds of causes. */
export type CauseShifts = Readonly<Partial<Record<Cause, number>>>;

/**
 * Weights whose probabilities of causes are shifted: a cause that training clips have less often than calls is output with too
 * low a probability (prior correction; G. King and L. Zeng 2001, section 4.1). Order and scores stay as they are.
 */
export function withCauseShifts(weights: WeightArrays, shifts: CauseShifts): WeightArrays {
  const bias = weights.get('causes.bias');
  if (bias === undefined || Object.keys(shifts).length === 0) return weights;
  const shifted = bias.map((value, index) => value + (shifts[causes[index] as Cause] ?? 0));
  return new Map([...weights, ['causes.bias', shifted]]);
}
