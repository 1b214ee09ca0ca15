import type { Cause, Limit, NoScoreReason, StreamNoScore, StreamScore, WarningName } from '../../src/events.ts';

/** Events in words. */

export const reasonText: Readonly<Record<NoScoreReason, string>> = {
  muted: 'muted',
  'no-packets': 'no packets yet',
  silence: 'silence',
  'no-speech': 'sound, but no speech',
  'too-short': 'not enough speech yet',
  gap: 'no packets, or most were lost',
  overload: 'lost inside the server',
  'unsupported-codec': 'codec not supported',
  undecodable: 'cannot be decoded',
  'scorer-restarting': 'scorer restarting',
  failed: 'scoring failed',
  'ssrc-changed': 'sender restarted',
};

/** What keeps a score from being good; nothing where nothing does. */
export const limitText: Readonly<Record<Limit, string>> = {
  none: '',
  content: 'sound is bad, network is fine: room or microphone',
  network: 'network is bad: packets are lost; the sound itself is good',
  both: 'network is bad: packets are lost; the sound is bad too',
};

export const causeText: Readonly<Record<Cause, string>> = {
  noise: 'noise',
  reverberation: 'reverberation',
  'band-limit': 'narrow band',
  loss: 'loss',
  clipping: 'clipping',
  codec: 'codec',
};

export const warningText: Readonly<Record<WarningName, string>> = {
  'low-mos': 'low score',
  noise: 'noise',
  reverberation: 'reverberation',
  loss: 'loss',
  clipping: 'clipping',
  'band-limit': 'narrow band',
  level: 'too loud or too quiet',
};

/** '4.21' */
export const mosText = ({ mosLqo }: Pick<StreamScore, 'mosLqo'>): string => mosLqo.toFixed(2);

/** '3.9 to 4.5' */
export const intervalText = ({ interval }: Pick<StreamScore, 'interval'>): string =>
  `${interval.lower.toFixed(1)} to ${interval.upper.toFixed(1)}`;

/** '4.4' */
export const networkMosText = ({ network }: Pick<StreamScore, 'network'>): string => network.mosCqe.toFixed(1);

/** '90 %' */
export const percentText = (ratio: number): string => `${(100 * ratio).toFixed(0)} %`;

/** '2.5 %' */
export const lossText = ({ network }: Pick<StreamScore, 'network'>): string =>
  `${(100 * network.lossRatio).toFixed(network.lossRatio < 0.0995 ? 1 : 0)} %`;

/** 'bursty', 'random loss' or '' without loss: from a burst ratio of 1.5 on, loss is bursty. */
export const burstText = ({ network: { lossRatio, burstRatio } }: Pick<StreamScore, 'network'>): string =>
  lossRatio === 0 ? '' : burstRatio >= 1.5 ? 'bursty' : 'random loss';

/** '12 ms' */
export const jitterText = ({ network }: Pick<StreamScore, 'network'>): string => `${network.jitterMs.toFixed(0)} ms`;

/** 'name 1.2.3' */
export const modelText = ({ model }: Pick<StreamNoScore, 'model'>): string => `${model.name} ${model.version}`;

/** 'too quiet', 'too loud', or the name of the warning in words. */
export const warningWords = ({
  name,
  value,
  threshold,
}: {
  name: WarningName;
  value: number;
  threshold: number;
}): string => (name === 'level' ? (value < threshold ? 'too quiet' : 'too loud') : warningText[name]);

/** '45 s', '12 min' */
export const durationText = (ms: number): string =>
  ms < 60_000 ? `${Math.max(1, Math.round(ms / 1000))} s` : `${Math.round(ms / 60_000)} min`;
