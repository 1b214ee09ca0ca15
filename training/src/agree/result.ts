import type { Condition } from './conditions.ts';

/** Scores by name: models, and the metric. */
export type Scores = Record<string, number>;

export interface AgreedCondition extends Condition {
  group: string;
  /** Means over the talkers. */
  scores: Scores;
}

export interface AgreedPoint {
  sweep: string;
  axis: string;
  strength: number;
  scores: Scores;
}

export interface Agreement {
  talkers: string[];
  conditions: AgreedCondition[];
  /** Of conditions that could not be made. */
  leftOut: Condition[];
  points: AgreedPoint[];
}
