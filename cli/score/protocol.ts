import type { RecordingScore } from './score-recording.ts';

/** A channel of a recording, counted from 0, or each of them. */
export type Channel = number | 'all';

/** The score of one channel, counted from 0. */
export interface ChannelScore {
  readonly channel: number;
  readonly score: RecordingScore;
}

/** To a worker: load the model, then score one file after the other. */
export type ToWorker =
  | { readonly type: 'load'; readonly model: string }
  | { readonly type: 'score'; readonly path: string; readonly channel: Channel };

export type FromWorker =
  | { readonly type: 'loaded' }
  /** The model cannot be used. */
  | { readonly type: 'failed'; readonly message: string }
  /** How much of the file was decoded, 0 to 1; absent when its length is not known. */
  | { readonly type: 'progress'; readonly share?: number }
  | { readonly type: 'scored'; readonly scores: readonly ChannelScore[] }
  /** What is wrong with the file. */
  | { readonly type: 'fault'; readonly message: string };
