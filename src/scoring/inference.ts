import type { PollRow } from '../engine/poll-row.ts';
import type { Failed } from './isolate.ts';

/** What a model has of a stream at a moment: what a score would be made of. */
export interface Window {
  readonly frames: number;
  /** Of these: mostly lost on the way, and lost inside this host. */
  readonly lostFrames: number;
  readonly overloadFrames: number;
  /** Counts what was lost before the model got it, because scoring is behind. */
  readonly overrunFrames: number;
  /** As long as the model needs. */
  readonly enough: boolean;
  /** Speech in it, ms, as far as that is known before it is scored. */
  readonly speechMs: number;
  /** The model finds no speech in it. */
  readonly speechless: boolean;
  /** Talk frames of the stream from its beginning to the end of the window. */
  readonly talkFrames: number;
}

/** A stream as it was seen when the engine was polled. */
export interface PolledStream {
  readonly handle: number;
  readonly row: PollRow;
}

/** A stream that may be taken in. */
export interface ListenedStream extends PolledStream {
  /** Talk, ms, that is still missing for a score to be due when the window ends after so many talk frames. */
  dueInMs(talkFrames: number): number;
  /** Speech that a window must hold to be scored, ms. */
  readonly minSpeechMs: number;
}

/** Outputs of the network for a window, and what was in it. */
export interface ScoredWindow<Wanted extends PolledStream> {
  readonly wanted: Wanted;
  /** Unix ms of the start of the first frame and the end of the last one. */
  readonly startMs: number;
  readonly endMs: number;
  readonly talkFrames: number;
  readonly overloadFrames: number;
  readonly speechMs: number;
  /** MOS, 1 to 5, and its calibrated standard deviation. */
  readonly mos: number;
  readonly sigma: number;
  /** Share of the window with speech, where only scoring detects it. */
  readonly speech?: number;
  /** Probabilities in the manifest's order, where the model outputs them. */
  readonly causes?: Float32Array;
}

/** What became of streams that were to be taken in. */
export interface Listened<Stream extends PolledStream> {
  /** Their window moved. */
  readonly moved: Stream[];
  /** So many were left out that are more than `lateMs` of talk behind. */
  readonly late: number;
  readonly failed: Failed<Stream>[];
}

/** What became of streams that were to be scored. */
export interface Scored<Stream extends PolledStream> {
  readonly scored: ScoredWindow<Stream>[];
  readonly failed: Failed<Stream>[];
}

export interface ScorerCounts {
  /** Windows scored (windowed form), or pieces of streams taken in (streaming form), and runs of the network for them. */
  readonly windows: number;
  readonly batches: number;
}

/**
 * One form of model at work on the streams of an engine. Streams may be added, removed and reset while `listen` or `score`
 * is pending: what is removed is passed over. What fails for one stream is returned with it; it does not reject.
 */
export interface ModelScorer {
  /** Memory per stream in addition to the engine's, fixed when it is added, bytes. */
  readonly bytesPerStream: number;
  add(handle: number): void;
  remove(handle: number): void;
  /** Earlier audio does not belong to what follows. */
  reset(handle: number): void;
  /** The engine was polled. */
  update(stream: PolledStream, nowMs: number): void;
  /**
   * Takes in what is new: at most one piece of each stream, at most `limit` in all, those first that wait longest.
   */
  listen<Stream extends ListenedStream>(
    streams: readonly Stream[],
    limit: number,
    lateMs: number,
  ): Promise<Listened<Stream>>;
  windowOf(stream: PolledStream): Window;
  /**
   * Scores these streams. Streams that restarted during inference are skipped; `poll` gives the rows of all streams as they
   * are now, by handle.
   */
  score<Wanted extends PolledStream>(
    wanted: readonly Wanted[],
    poll: () => ReadonlyMap<number, PollRow>,
  ): Promise<Scored<Wanted>>;
  toJSON(): ScorerCounts;
}

/** Why what the model gave for a window cannot be used; undefined when it can. */
export function faultOf({ mos, sigma, speech, causes }: ScoredWindow<PolledStream>): Error | undefined {
  const odd = [mos, sigma, speech ?? 0, ...(causes ?? [])].find((value) => !Number.isFinite(value));
  return odd === undefined ? undefined : new Error(`the model gave ${odd} for a window`);
}
