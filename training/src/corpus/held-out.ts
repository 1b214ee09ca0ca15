import { readFileSync } from 'node:fs';
import { TrainingError } from '../run/errors.ts';
import type { FoundRecording } from './find.ts';

/** Speakers and files that must never be trained on nor selected on. */
export interface HeldOut {
  speakers: ReadonlySet<string>;
  /** Ids of recordings. */
  files: ReadonlySet<string>;
}

/** Reads held-out lists: lines `speaker NAME` or `file ID`; empty lines and lines that begin with # are ignored. */
export function readHeldOut(paths: readonly string[]): HeldOut {
  const speakers = new Set<string>();
  const files = new Set<string>();
  for (const path of paths) {
    for (const [index, line] of readFileSync(path, 'utf8').split(/\r?\n/).entries()) {
      if (line.trim() === '' || line.startsWith('#')) continue;
      const [, word, name] = /^(speaker|file)\s+(.*\S)\s*$/.exec(line) ?? [];
      if (!word || !name) {
        throw new TrainingError('invalid-input', `${path}:${index + 1}: expected "speaker NAME" or "file ID": ${line}`);
      }
      (word === 'speaker' ? speakers : files).add(name);
    }
  }
  return { speakers, files };
}

export function isHeldOut(heldOut: HeldOut, { id, speaker }: Pick<FoundRecording, 'id' | 'speaker'>): boolean {
  return heldOut.files.has(id) || (speaker !== undefined && heldOut.speakers.has(speaker));
}

/** The names in the lists that none of the recordings has. */
export function unknownNames(
  heldOut: HeldOut,
  recordings: readonly Pick<FoundRecording, 'id' | 'speaker'>[],
): string[] {
  const speakers = new Set(recordings.map(({ speaker }) => speaker));
  const files = new Set(recordings.map(({ id }) => id));
  return [
    ...[...heldOut.speakers].filter((speaker) => !speakers.has(speaker)),
    ...[...heldOut.files].filter((file) => !files.has(file)),
  ];
}
