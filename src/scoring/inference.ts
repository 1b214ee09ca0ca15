import type { NativeEngine } from '../engine/contract.ts';
import type { PollRow } from '../engine/poll-row.ts';
import type { Model } from '../model/model.ts';
import { StreamingScorer } from './incremental-inference.ts';
import { WindowedScorer } from './window-inference.ts';

/** What a model has of a stream at a moment: what a score would be made of. */
export interface Window {
  readonly frames: number;
  /** Of these: mostly lost on the way, and lost inside this host. */
  readonly lostFrames: number;
  readonly overloadFrames: number;
  /** Counts what was lost before the model heard it, because scoring is behind. */
  readonly overrunFrames: number;
  /** As long as the model needs. */
  readonly enough: boolean;
  /** Speech in it, ms, as far as that is known before it is scored. */
  readonly speechMs: number;
  /** Nobody speaks in it, as the model hears it. */
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
}

/** What the network said of a window, and what was in it. */
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
  /** Share of the window in which somebody speaks, where only the scoring tells it. */
  readonly speech?: number;
  /** Probabilities in the manifest's order, where the model tells them. */
  readonly causes?: Float32Array;
}

export interface ScorerCounts {
  /** Windows scored (windowed form), or pieces of streams taken in (streaming form), and runs of the network for them. */
  readonly windows: number;
  readonly batches: number;
}

/** One form of model at work on the streams of an engine. */
export interface ModelScorer {
  /** Memory per stream beside the engine's, fixed when it is added, bytes. */
  readonly bytesPerStream: number;
  add(handle: number): void;
  remove(handle: number): void;
  /** Nothing heard so far belongs to what comes. */
  reset(handle: number): void;
  /** The engine was polled. */
  update(stream: PolledStream, nowMs: number): void;
  /**
   * Takes in what is new: at most one piece of each stream, at most `limit` in all, those first that wait longest. Returns
   * the streams whose window moved, and how many were left out that are more than `lateMs` of talk behind.
   */
  listen<Listened extends ListenedStream>(
    streams: readonly Listened[],
    limit: number,
    lateMs: number,
  ): Promise<{ moved: Listened[]; late: number }>;
  windowOf(stream: PolledStream): Window;
  /**
   * Scores these streams. Those whose sender began anew meanwhile are left out; `poll` gives the rows of all streams as they
   * are now, by handle.
   */
  score<Wanted extends PolledStream>(
    wanted: readonly Wanted[],
    poll: () => ReadonlyMap<number, PollRow>,
  ): Promise<ScoredWindow<Wanted>[]>;
  toJSON(): ScorerCounts;
}

/** `forgetMs`: talk older than this is not scored. */
export function createModelScorer(engine: NativeEngine, model: Model, forgetMs: number): ModelScorer {
  return model.form === 'streaming' ? new StreamingScorer(engine, model, forgetMs) : new WindowedScorer(engine, model);
}
