import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import type { ModelManifest } from '../model/manifest.ts';

const schema = z.strictObject({
  /** SHA-256 of the networks that gave the scores: the trunk or all, then the heads. */
  networks: z.array(z.string()),
  /** Of this much a score may differ elsewhere: other processors sum up in another order. */
  tolerance: z.number().positive(),
  /** MOS of the recordings that the package brings, in the order of time. */
  scores: z.record(z.string(), z.array(z.number().min(1).max(5)).min(1)),
});

/** Scores that a model gave the package's recordings where it was made. */
export type ExpectedScores = z.infer<typeof schema>;

/** Where the expected scores of a model lie: `expected/NAME.json` next to its manifest. */
export const expectedScoresFile = (manifestPath: string): string =>
  join(dirname(manifestPath), 'expected', basename(manifestPath));

/** SHA-256 of a model's networks, as its manifest states them. */
export const networksOf = ({ sha256, streaming }: ModelManifest): string[] =>
  streaming === undefined ? [sha256] : [sha256, streaming.heads.sha256];

/**
 * Reads the expected scores of a model; undefined when none were recorded.
 *
 * @throws {Error} naming the file, when it is not such a file, or is of another model than that of `manifest`
 */
export async function readExpectedScores(
  manifestPath: string,
  manifest: ModelManifest,
): Promise<ExpectedScores | undefined> {
  const file = expectedScoresFile(manifestPath);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  let expected: ExpectedScores;
  try {
    expected = schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(`${file}: not a file of expected scores: ${(cause as Error).message}`, { cause });
  }
  if (networksOf(manifest).join() === expected.networks.join()) return expected;
  throw new Error(
    `${file}: scores of other networks than those of version ${manifest.version}; 'models expect' records them again`,
  );
}

export async function writeExpectedScores(manifestPath: string, expected: ExpectedScores): Promise<string> {
  const file = expectedScoresFile(manifestPath);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(expected, null, 2)}\n`);
  return file;
}
