import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeCorpus } from '../../src/corpus/corpus.ts';

/** Real recordings: six speakers, two noises, one room. */
export const fixtures = join(import.meta.dirname, '../../../test/fixtures');
export const speakers = ['man-1', 'man-2', 'man-3', 'woman-1', 'woman-2', 'woman-3'] as const;

/** A corpus run of the fixtures, all of them in the split `train` but the held-out ones. */
export async function fixtureCorpus(scratch: string, heldOut: readonly string[] = []): Promise<string> {
  const root = join(scratch, 'recordings');
  for (const speaker of speakers) {
    mkdirSync(join(root, 'speech', speaker), { recursive: true });
    cpSync(join(fixtures, 'speech', `${speaker}.wav`), join(root, 'speech', speaker, 'read.wav'));
  }
  for (const kind of ['noise', 'rooms']) cpSync(join(fixtures, kind), join(root, kind), { recursive: true });
  const out = join(scratch, 'corpus');
  const folders = [
    { path: join(root, 'speech'), kind: 'speech' as const },
    { path: join(root, 'noise'), kind: 'noise' as const },
    { path: join(root, 'rooms'), kind: 'rir' as const },
  ];
  await makeCorpus({ out, folders, heldOut, shares: { validation: 0, test: 0 }, seed: 1 });
  return out;
}
