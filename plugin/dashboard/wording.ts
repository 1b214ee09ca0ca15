import type { NoScoreReason, StreamNoScore, StreamScore } from '../../../src/events.ts';

/** How scores are put into words, on the terminal and on the page alike. */

export type QualityState = 'good' | 'fair' | 'poor';

/** The nearest word of the five-step listening-quality scale (ITU-T P.800 Annex B), its ends counted to their neighbours. */
export function qualityState(mosLqo: number): QualityState {
  if (mosLqo >= 3.5) return 'good';
  return mosLqo >= 2.5 ? 'fair' : 'poor';
}

export const reasonText: Readonly<Record<NoScoreReason, string>> = {
  muted: 'muted',
  silence: 'silence',
  'no-speech': 'sound, but no speech',
  'too-short': 'not yet 3 s of speech',
  gap: 'most of it was lost',
  overload: 'lost inside the server',
  'unsupported-codec': 'codec not supported',
  undecodable: 'cannot be decoded',
  'scorer-restarting': 'scorer restarting',
  'ssrc-changed': 'sender restarted',
};

/** '4.21' */
export const mosText = ({ mosLqo }: Pick<StreamScore, 'mosLqo'>): string => mosLqo.toFixed(2);

/** '3.9 to 4.5' */
export const intervalText = ({ interval }: Pick<StreamScore, 'interval'>): string =>
  `${interval.lower.toFixed(1)} to ${interval.upper.toFixed(1)}`;

/** '2.5 %' */
export const lossText = ({ network }: Pick<StreamScore, 'network'>): string =>
  `${(100 * network.lossRatio).toFixed(network.lossRatio < 0.0995 ? 1 : 0)} %`;

/** '12 ms' */
export const jitterText = ({ network }: Pick<StreamScore, 'network'>): string => `${network.jitterMs.toFixed(0)} ms`;

/** 'name 1.2.3' */
export const modelText = ({ model }: Pick<StreamNoScore, 'model'>): string => `${model.name} ${model.version}`;
