/**
 * What a scorer says about a stream. One contract for every listener: in the process, over
 * socket.io, over a plain WebSocket. Times are Unix milliseconds of the server's clock.
 */

/** Why there is no score. A number is only sent when it means something. */
export const noScoreReasons = [
  /** The producer is paused: nothing is sent, on purpose. */
  'muted',
  /** Packets arrive (or discontinuous transmission says so), but there is no sound in them. */
  'silence',
  /** There is sound, but nobody speaks. */
  'no-speech',
  /** Somebody speaks, but there is not yet enough of it in the window. */
  'too-short',
  /** Most of the window was lost on the way: the network state says more than a MOS. */
  'gap',
  /** Packets were lost inside this host, not by the participant. */
  'overload',
  /** The payload is of a codec that is not decoded here. */
  'unsupported-codec',
  /** The payload is not what it says it is: end-to-end encrypted or broken. */
  'undecodable',
  /** The scorer process is being restarted. */
  'scorer-restarting',
  /** The sender restarted (new SSRC, or numbering begun anew): the window begins anew. */
  'ssrc-changed',
] as const;

export type NoScoreReason = (typeof noScoreReasons)[number];

/** What can be wrong with speech; each a probability from 0 to 1 where a model tells them. */
export type Cause = 'noise' | 'reverberation' | 'band-limit' | 'loss' | 'clipping' | 'codec';

/** Which model made a score. */
export interface ModelIdentity {
  readonly name: string;
  /** Semantic version. */
  readonly version: string;
}

/** The interval that holds the true value with probability `coverage`. */
export interface Interval {
  /** MOS, 1 to 5. */
  readonly lower: number;
  /** MOS, 1 to 5. */
  readonly upper: number;
  /** 0 to 1; 0.9 unless the model's manifest says otherwise. */
  readonly coverage: number;
}

/** What the packets alone tell, over the wall-clock span of the window. */
export interface NetworkQuality {
  /** Packets lost on the way / packets expected, 0 to 1. Losses inside this host are not counted. */
  readonly lossRatio: number;
  /** Mean length of the loss bursts against the same loss at random; 1 = random (ITU-T G.107 §3.5 BurstR). */
  readonly burstRatio: number;
  /** Interarrival jitter in ms (RFC 3550 §6.4.1). */
  readonly jitterMs: number;
  /** Conversational quality estimated from the network alone (E-model, ITU-T G.107), MOS 1 to 4.5. */
  readonly mosCqe: number;
}

/** A live score of one stream. */
export interface StreamScore {
  readonly type: 'score';
  readonly streamId: string;
  /** Counts this stream's score and noscore events from 0, without gaps. */
  readonly sequence: number;
  /** First and last moment heard in the window. Pauses in talk lie in between: see `speechMs`. */
  readonly windowStart: number;
  readonly windowEnd: number;
  /** Talk inside the window, ms. */
  readonly speechMs: number;
  /** Objective listening quality (ITU-T P.800.1 MOS-LQO), 1 to 5. */
  readonly mosLqo: number;
  readonly interval: Interval;
  /** Present where the model has such outputs. */
  readonly causes?: Readonly<Partial<Record<Cause, number>>>;
  readonly network: NetworkQuality;
  readonly model: ModelIdentity;
}

/** The stream has no score, from `since` on, for `reason`. Sent when the reason changes. */
export interface StreamNoScore {
  readonly type: 'noscore';
  readonly streamId: string;
  readonly sequence: number;
  readonly reason: NoScoreReason;
  /** Since when, Unix ms. */
  readonly since: number;
  readonly network: NetworkQuality;
  /** The model that would have scored. */
  readonly model: ModelIdentity;
}

export type StreamEvent = StreamScore | StreamNoScore;
