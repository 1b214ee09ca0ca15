import { join } from 'node:path';
import { readJsonLines } from '../run/files.ts';
import { RunFolder } from '../run/run-folder.ts';

/** Use of a recording. `wild`: speech as real devices and networks left it; it is never degraded further. */
export const kinds = ['speech', 'wild', 'noise', 'rir'] as const;
export type Kind = (typeof kinds)[number];

export const splits = ['train', 'validation', 'test', 'held-out'] as const;
/** `held-out`: named in a held-out list; nothing that trains or selects a model may touch it. */
export type Split = (typeof splits)[number];

/** One line of `manifest.jsonl`. */
export interface Recording {
  /** Path below the folder it was found in, with forward slashes: unique in a manifest. */
  id: string;
  /** Absolute path. */
  path: string;
  kind: Kind;
  split: Split;
  /** Whose voice; recordings of unknown speakers count as one speaker per folder. Only speech and wild. */
  speaker?: string;
  language?: string;
  licence?: string;
  source?: string;
  seconds: number;
  /** Largest absolute sample after resampling, 0 to about 1. */
  peak: number;
}

/** The recordings of a corpus run. */
export function readManifest(corpusFolder: string): Recording[] {
  RunFolder.read(corpusFolder, 'corpus');
  return readJsonLines<Recording>(join(corpusFolder, 'manifest.jsonl'));
}
