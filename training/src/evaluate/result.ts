import type { ModelManifest } from '../../../src/model/manifest.ts';
import type { Comparison, Figure } from './compare.ts';

/** How one scorer does on one set. */
export interface Result {
  set: string;
  reference: string;
  scorer: string;
  perFile: Comparison;
  /** Name of a model, what it takes, and what made it; absent where the scorer is none. */
  model?: string;
  cost?: ModelManifest['cost'];
  made?: ModelManifest['provenance']['made'];
  /** How much larger the RMSE is than the first model's, asked as this one was, of the same clips; absent where there is nothing to compare. */
  rmseDifference?: { than: string; n: number; rmse: Figure };
  /** Absent where the set names no conditions. */
  perCondition?: Comparison;
  /** The same by group: codec, last leg, what can be heard. Absent where nothing is known of the clips. */
  groups?: Record<string, GroupResult>;
  /** Share of ratings inside the intervals, and what it should be. */
  coverage?: number;
  nominalCoverage?: number;
  /** Of the decision per step that somebody speaks: clips without noise or at 5 dB SNR and better. */
  speechF1?: number;
  /** Clips in which nobody speaks. */
  speechlessClips?: number;
  /** Share of the steps of these clips that are taken for speech. */
  speechFalseAlarms?: number;
  /** Share of the time of a call of these clips in which there would be a score (`scoredShare`). */
  speechlessScored?: number;
  /** Area under the curve by cause; absent where all clips have it, or none. */
  causeAuc?: Record<string, number>;
}

/** Errors on the clips of one group, MOS. */
export interface GroupResult {
  n: number;
  rmse: number;
  /** Mean of score - rating. */
  bias: number;
}
