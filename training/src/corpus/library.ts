import { decodeFile } from '../audio/ffmpeg.ts';
import type { Recording } from './manifest.ts';

/** Decoded recordings, the most recently used of them kept in memory. */
export class AudioLibrary {
  readonly #kept = new Map<string, Float32Array>();
  readonly #limitSamples: number;
  #samples = 0;

  /** @param limitSamples - how many samples are kept, 4 bytes each. Default 160 million (640 MB, almost three hours). */
  constructor(limitSamples = 160e6) {
    this.#limitSamples = limitSamples;
  }

  async load({ path }: Pick<Recording, 'path'>): Promise<Float32Array> {
    const kept = this.#kept.get(path);
    const samples = kept ?? (await decodeFile(path));
    if (kept) this.#kept.delete(path);
    else this.#samples += samples.length;
    this.#kept.set(path, samples);
    for (const [oldest, { length }] of this.#kept) {
      if (this.#samples <= this.#limitSamples || oldest === path) break;
      this.#kept.delete(oldest);
      this.#samples -= length;
    }
    return samples;
  }
}
