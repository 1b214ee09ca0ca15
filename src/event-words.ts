/**
 * The words of events: reasons, causes, states, warnings. Without schemas, so that a page takes them without a library. A list
 * only grows at its end: histories keep the position of a reason.
 */

/** Why there is no score. A number is only sent when it means something. */
export const noScoreReasons = [
  /** The producer is paused: nothing is sent, on purpose. */
  'muted',
  /** No packet of the stream has arrived yet. */
  'no-packets',
  /** Packets arrive (or discontinuous transmission stands for them), but there is no sound in them. */
  'silence',
  /** There is sound, but no speech. */
  'no-speech',
  /** There is speech, but not yet enough of it in the window. */
  'too-short',
  /** Packets no longer arrive, or most of the window was lost on the way: the network state is worth more than a MOS. */
  'gap',
  /** Packets were lost inside this host, not by the participant. */
  'overload',
  /** The payload is of a codec that is not decoded here. */
  'unsupported-codec',
  /** The payload is not of the stated codec: end-to-end encrypted or broken. */
  'undecodable',
  /** The scorer process is being restarted. */
  'scorer-restarting',
  /** Scoring this stream failed: it is tried again after a while. */
  'failed',
  /** The sender restarted (new SSRC, or new numbering): the window restarts. */
  'ssrc-changed',
] as const;

/** What can be wrong with speech. */
export const causes = ['noise', 'reverberation', 'band-limit', 'loss', 'clipping', 'codec'] as const;

/** How a participant has sounded recently. */
export const qualityStates = ['good', 'fair', 'poor', 'unknown'] as const;

/** What a warning may be about. */
export const warningNames = ['low-mos', 'noise', 'reverberation', 'loss', 'clipping', 'band-limit', 'level'] as const;

/** What keeps a score from being good. */
export const scoreLimits = [
  /** Neither: sound and network are good. */
  'none',
  /** The sound is bad and the network fine: room, microphone, or what lies before them. */
  'content',
  /** The sound is good where it arrives, but packets are lost for good. */
  'network',
  'both',
] as const;

export type Limit = (typeof scoreLimits)[number];
export type NoScoreReason = (typeof noScoreReasons)[number];
export type Cause = (typeof causes)[number];
export type QualityState = (typeof qualityStates)[number];
export type WarningName = (typeof warningNames)[number];
