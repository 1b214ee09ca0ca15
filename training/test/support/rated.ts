import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeFile } from '../../src/audio/ffmpeg.ts';
import { encodeWav } from '../../src/audio/wav.ts';
import { Random } from '../../src/run/random.ts';
import { fixtures, speakers } from './fixture-corpus.ts';

/** The scale of the second synthetic experiment: its rating = offset + slope x that of the first. */
export const secondScale = { offset: 1.1, slope: 0.6 };

/**
 * Manifests of rated files, made of the speech that the tests have: 1 s of each speaker under noise of several levels. The MOS
 * falls with the level; the experiment `second`, of the same speech, gives it on another scale. One speaker is held out.
 */
export async function ratedManifests(
  folder: string,
  { people = 6, levels = 6 } = {},
): Promise<{ train: string[]; validation: string[] }> {
  mkdirSync(folder, { recursive: true });
  const rows: Record<'first' | 'second' | 'validation', object[]> = { first: [], second: [], validation: [] };
  for (const [number, speaker] of speakers.slice(0, people).entries()) {
    const samples = (await decodeFile(join(fixtures, `speech/${speaker}.wav`))).subarray(16_000, 32_000);
    for (let level = 0; level < levels; level++) {
      for (const set of number === people - 1 ? (['validation'] as const) : (['first', 'second'] as const)) {
        const random = Random.derive(1, 'rated', speaker, level, set);
        const noise = 0.002 * 2.2 ** level;
        const file = `${speaker}-${level}-${set}.wav`;
        writeFileSync(join(folder, file), encodeWav(samples.map((sample) => 0.5 * sample + noise * random.normal())));
        const mos = 4.6 - 0.6 * level;
        const given = set === 'second' ? secondScale.offset + secondScale.slope * mos : mos;
        rows[set].push({ file, mos: given, votes: 4 + level, speaker });
      }
    }
  }
  const csv = (name: 'first' | 'second' | 'validation') => {
    const path = join(folder, `${name}.csv`);
    const table = rows[name].map((row) => Object.values(row).join(','));
    writeFileSync(path, `file,mos,votes,speaker\n${table.join('\n')}\n`);
    return path;
  };
  // One of them as JSONL.
  const second = join(folder, 'second.jsonl');
  writeFileSync(second, rows.second.map((row) => JSON.stringify(row)).join('\n'));
  return { train: [csv('first'), second], validation: [csv('validation')] };
}
