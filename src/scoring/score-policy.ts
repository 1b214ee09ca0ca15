import type { PollRow } from '../engine/poll-row.ts';
import type { NoScoreReason } from '../events.ts';
import { frameMs } from '../model/window-shape.ts';
import type { Window } from './inference.ts';

/** When a stream is scored, and when it is not. Times are in ms. */
export interface GateOptions {
  /** Talk between scores. Default 1000. */
  intervalMs?: number;
  /** Speech that a window must hold. Default 1500. */
  minSpeechMs?: number;
  /** Without talk for this long a stream is `silence` or `no-speech`. Default 2000. */
  quietMs?: number;
  /** A background below this level is `silence`, from it on `no-speech`; dBov. Default -60. */
  silenceDbov?: number;
  /**
   * Without any packet for this long a stream is `gap`. Opus sends one every 400 ms even in silence; the comfort noise of
   * G.711 (RFC 3389) may pause for longer, which looks like a gap. Default 2000.
   */
  noPacketsMs?: number;
  /** A window of which more than this share was lost is `gap`. Default 0.5. */
  maxLostRatio?: number;
  /** For this long a new sender is `ssrc-changed` rather than what else keeps it from being scored. Default 2000. */
  newSenderMs?: number;
  /** Packets of an unknown payload type only, for this long, are `unsupported-codec`. Default 500. */
  unknownPayloadMs?: number;
}

/** Verdict on a stream at a moment: no score and why, a score is due, or nothing new. */
export type GateVerdict =
  | { readonly kind: 'noscore'; readonly reason: NoScoreReason; readonly since: number }
  | { readonly kind: 'due' }
  | { readonly kind: 'wait' };

const wait: GateVerdict = { kind: 'wait' };
const due: GateVerdict = { kind: 'due' };

/** A muted sender's last packets may still be on the way for this long. */
const muteGraceMs = 500;
/** A background that is once called silence, or not, has to pass the level by this much to be called otherwise, dB. */
const silenceHysteresisDb = 3;

/**
 * Decides for one stream when to score, and the reason otherwise. Pure: time is an argument.
 *
 * Where several reasons hold, the first of these is reported:
 * 1. muted, failed: not scored at all;
 * 2. unsupported-codec, undecodable: cannot be decoded at all;
 * 3. overload: lost in this host;
 * 4. ssrc-changed, no-packets: nothing has arrived yet;
 * 5. silence or no-speech, gap: no speech at present;
 * 6. too-short: not enough speech yet.
 *
 * Whether it was speech is the business of a model that has such an output: a streaming one outputs it with every window, a
 * windowed one when it scores (`refuse`). What never passes the engine's permissive gate is classified by the level of the
 * background: below `silenceDbov` it is `silence`, else `no-speech`.
 *
 * Muting: talk from before may stay in the window, since the same person continues; what arrived while muted
 * must not. So when frames came in between, `resume` returns that the stream has to be reset. A score comes again after
 * `intervalMs` of new talk: what was left over from before the mute counts for none.
 */
export class Gate {
  readonly #options: Required<GateOptions>;
  /** The engine can decode none of the stream's payload types. */
  readonly #unsupported: boolean;
  #reason: NoScoreReason | undefined;
  #failedMs: number | undefined;
  #pausedMs: number | undefined;
  /** Talk frames when the grace after muting ended. */
  #framesAtMute: number | undefined;
  /** Talk frames at the newest look. */
  #talkFrames: number | undefined;
  /** Nothing is held against the stream from before: when it was added, resumed, or changed its sender. */
  #freshMs: number;
  #newSenderMs: number | undefined;
  #restarts = 0;
  #unknownPayloadSinceMs: number | undefined;
  #packetsOverload = 0;
  #overrunFrames = 0;
  #overloadMs = Number.NEGATIVE_INFINITY;
  /** Talk frames at the end of the newest window that was scored or refused, or when it was unmuted. */
  #talkFramesScored: number | undefined;

  constructor(nowMs: number, unsupported: boolean, options: GateOptions = {}) {
    const { intervalMs = 1000, minSpeechMs = 1500, quietMs = 2000, silenceDbov = -60, noPacketsMs = 2000 } = options;
    const { maxLostRatio = 0.5, newSenderMs = 2000, unknownPayloadMs = 500 } = options;
    this.#options = {
      ...{ intervalMs, minSpeechMs, quietMs, silenceDbov, noPacketsMs },
      ...{ maxLostRatio, newSenderMs, unknownPayloadMs },
    };
    this.#unsupported = unsupported;
    this.#freshMs = nowMs;
  }

  /** Speech that a window must hold, ms. */
  get minSpeechMs(): number {
    return this.#options.minSpeechMs;
  }

  get paused(): boolean {
    return this.#pausedMs !== undefined;
  }

  pause(nowMs: number): void {
    this.#pausedMs ??= nowMs;
    this.#framesAtMute = undefined;
  }

  /** Returns true when frames arrived while muted: the window has to restart. */
  resume(nowMs: number): boolean {
    this.#pausedMs = undefined;
    this.#freshMs = nowMs;
    this.#talkFramesScored = this.#talkFrames;
    const heardWhileMuted = this.#framesAtMute !== undefined && this.#framesAtMute !== this.#talkFrames;
    this.#framesAtMute = undefined;
    return heardWhileMuted;
  }

  /** Another sender, or the same one restarted: earlier audio is forgotten. */
  changeSender(nowMs: number): void {
    this.#talkFramesScored = undefined;
    this.#freshMs = nowMs;
    this.#newSenderMs = nowMs;
  }

  /** The stream could not be scored: no score until `recover`. */
  fail(nowMs: number): void {
    this.#failedMs ??= nowMs;
  }

  /** It is tried again, with nothing from before. */
  recover(nowMs: number): void {
    this.#failedMs = undefined;
    this.#talkFramesScored = undefined;
    this.#overloadMs = Number.NEGATIVE_INFINITY;
    this.#freshMs = nowMs;
  }

  /** `noscore` only when the reason is another than before. */
  evaluate(row: PollRow, window: Window, nowMs: number): GateVerdict {
    this.#observe(row, window, nowMs);
    const found = this.#findReason(row, window, nowMs);
    if (found === undefined) return this.#isDue(window) ? due : wait;
    if (found.reason === this.#reason) return wait;
    this.#reason = found.reason;
    return { kind: 'noscore', ...found };
  }

  /** A score was made of a window that ended at `talkFrames`. */
  scored(talkFrames: number): void {
    this.#reason = undefined;
    this.#talkFramesScored = talkFrames;
  }

  /** The model found no speech, or too little, in a window that ended at `talkFrames`. True when that is news. */
  refuse(reason: 'no-speech' | 'too-short', talkFrames: number): boolean {
    const news = this.#reason !== reason;
    this.#reason = reason;
    this.#talkFramesScored = talkFrames;
    return news;
  }

  /** What has to be remembered from poll to poll. */
  #observe(row: PollRow, { overrunFrames }: Window, nowMs: number): void {
    if (row.restarts > this.#restarts) this.changeSender(nowMs);
    this.#restarts = row.restarts;
    if (row.packetsOverload > this.#packetsOverload || overrunFrames > this.#overrunFrames) this.#overloadMs = nowMs;
    this.#packetsOverload = row.packetsOverload;
    this.#overrunFrames = overrunFrames;
    this.#talkFrames = row.talkFrames;
    this.#unknownPayloadSinceMs = row.unknownPayloadType < 0 ? undefined : (this.#unknownPayloadSinceMs ?? nowMs);
    if (this.#pausedMs === undefined || nowMs - this.#pausedMs < muteGraceMs) return;
    this.#framesAtMute ??= row.talkFrames;
  }

  #findReason(row: PollRow, window: Window, nowMs: number): { reason: NoScoreReason; since: number } | undefined {
    const { quietMs, noPacketsMs, newSenderMs, unknownPayloadMs, minSpeechMs, maxLostRatio } = this.#options;
    if (this.#pausedMs !== undefined) return { reason: 'muted', since: this.#pausedMs };
    if (this.#failedMs !== undefined) return { reason: 'failed', since: this.#failedMs };
    if (this.#unsupported) return { reason: 'unsupported-codec', since: this.#freshMs };
    if (this.#unknownPayloadSinceMs !== undefined && nowMs - this.#unknownPayloadSinceMs >= unknownPayloadMs) {
      return { reason: 'unsupported-codec', since: this.#unknownPayloadSinceMs };
    }
    if (row.undecodable !== 0) return { reason: 'undecodable', since: nowMs };

    const talkedMs = Math.max(row.lastTalkMs, this.#freshMs);
    const quiet = nowMs - talkedMs >= quietMs;
    // A window that does not grow is not of the present: then only what is being dropped counts.
    if (nowMs - this.#overloadMs < noPacketsMs || (window.overloadFrames > 0 && !quiet)) {
      return { reason: 'overload', since: nowMs };
    }
    if (this.#newSenderMs !== undefined && nowMs - this.#newSenderMs < newSenderMs) {
      return { reason: 'ssrc-changed', since: this.#newSenderMs };
    }
    if (row.lastPacketMs === 0) return { reason: 'no-packets', since: this.#freshMs };
    const arrivedMs = Math.max(row.lastPacketMs, this.#freshMs);
    const packets = nowMs - arrivedMs < noPacketsMs;
    if (quiet && packets) {
      return { reason: this.#isSilent(row.backgroundDbov) ? 'silence' : 'no-speech', since: talkedMs };
    }
    if (!packets) return { reason: 'gap', since: arrivedMs };
    const { enough } = window;
    if (enough && window.lostFrames > maxLostRatio * window.frames) return { reason: 'gap', since: nowMs };
    if (enough && window.speechless) return { reason: 'no-speech', since: nowMs };
    if (!enough || window.speechMs < minSpeechMs) return { reason: 'too-short', since: nowMs };
    // The window would do, but there is no new speech since the stream was unmuted.
    if (this.#reason === 'muted' && !this.#isDue(window)) return { reason: 'too-short', since: this.#freshMs };
    return undefined;
  }

  #isSilent(backgroundDbov: number): boolean {
    const { silenceDbov } = this.#options;
    if (this.#reason === 'silence') return backgroundDbov < silenceDbov + silenceHysteresisDb;
    if (this.#reason === 'no-speech') return backgroundDbov < silenceDbov - silenceHysteresisDb;
    return backgroundDbov < silenceDbov;
  }

  /** Talk since the newest score up to a window that ends at `talkFrames`, ms; infinite before the first. */
  unscoredMs(talkFrames: number): number {
    if (this.#talkFramesScored === undefined) return Number.POSITIVE_INFINITY;
    return (talkFrames - this.#talkFramesScored) * frameMs;
  }

  /** Talk that is missing then for the next score, ms; 0 or less when it is due. */
  dueInMs(talkFrames: number): number {
    return this.#options.intervalMs - this.unscoredMs(talkFrames);
  }

  #isDue({ talkFrames }: Window): boolean {
    return this.dueInMs(talkFrames) <= 0;
  }
}
