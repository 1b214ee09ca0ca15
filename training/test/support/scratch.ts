import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { encodeWav } from '../../src/audio/wav.ts';

/** A folder that is removed after the tests of this file. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mos-train-test-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a WAV file, making its folders. */
export function writeWav(path: string, samples: Float32Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, encodeWav(samples));
}

/** A sine of half the full scale. */
export function tone(hertz: number, seconds: number): Float32Array {
  return Float32Array.from({ length: seconds * 16_000 }, (_, n) => 0.5 * Math.sin((2 * Math.PI * hertz * n) / 16_000));
}
