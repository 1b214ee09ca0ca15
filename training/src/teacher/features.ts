import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeFile } from '../audio/ffmpeg.ts';
import { TrainingError } from '../run/errors.ts';
import { writeAtomically } from '../run/files.ts';
import { fromFloat16, toFloat16 } from '../run/float16.ts';
import type { Progress } from '../run/progress.ts';
import { tf } from '../tensorflow.ts';
import type { Backbone } from '../xls-r/backbone.ts';
import { normalisedWaveform } from '../xls-r/xls-r-sqa.ts';

/** Which hidden states of a file are kept. */
export interface FeatureLayout {
  /** After so many transformer layers, rising. */
  layers: readonly number[];
  /** Numbers per frame. */
  width: number;
  /** The middle frames that are kept; default: all, which layers that are still to come need. */
  frames?: number;
  bits: 16 | 32;
}

/** Hidden states by layer, each [frames][width]. */
export type Features = ReadonlyMap<number, Float32Array>;

/**
 * Hidden states of audio files below the layers that are trained: computed once, since they do not change. One file each,
 * by number.
 */
export class FeatureCache {
  readonly layout: FeatureLayout;
  readonly #folder: string;

  constructor(folder: string, layout: FeatureLayout) {
    mkdirSync(folder, { recursive: true });
    this.#folder = folder;
    this.layout = layout;
  }

  has(number: number): boolean {
    return existsSync(this.#file(number));
  }

  read(number: number): Features {
    const { layers, bits } = this.layout;
    const bytes = new Uint8Array(readFileSync(this.#file(number)));
    const values = bits === 16 ? fromFloat16(new Uint16Array(bytes.buffer)) : new Float32Array(bytes.buffer);
    const size = values.length / layers.length;
    return new Map(layers.map((layer, place) => [layer, values.subarray(place * size, (place + 1) * size)]));
  }

  /** @param states - by layer, in the order of the layout */
  write(number: number, states: readonly Float32Array[]): void {
    const joined = new Float32Array(states.reduce((sum, { length }) => sum + length, 0));
    let offset = 0;
    for (const state of states) {
      joined.set(state, offset);
      offset += state.length;
    }
    // Half precision ends at 65,504.
    if (this.layout.bits === 16 && joined.some((value) => !(Math.abs(value) < 65_520))) {
      throw new TrainingError('invalid-input', 'hidden states are too large for 16 bits: set cacheBits to 32');
    }
    const stored = this.layout.bits === 16 ? toFloat16(joined) : joined;
    writeAtomically(this.#file(number), new Uint8Array(stored.buffer));
  }

  #file(number: number): string {
    return join(this.#folder, `${String(number).padStart(6, '0')}.states`);
  }
}

/**
 * Computes what the cache has not yet of the files, each once.
 *
 * @param open - reads the network up to a layer; only called when something is missing
 */
export async function fillCache(
  cache: FeatureCache,
  files: readonly string[],
  open: (layers: number) => Backbone,
  progress: Progress,
): Promise<void> {
  const missing = files.map((path, number) => ({ path, number })).filter(({ number }) => !cache.has(number));
  if (missing.length === 0) return;
  const { layers, frames: kept } = cache.layout;
  const backbone = open(layers.at(-1) as number);
  progress.start(files.length, files.length - missing.length);
  for (const { path, number } of missing) {
    const samples = await decodeFile(path);
    if (samples.length === 0) throw new TrainingError('invalid-input', `${path}: has no samples`);
    const states = tf.tidy(() =>
      backbone.hiddenStates(normalisedWaveform(samples, backbone), layers).map((state) => {
        const [, frames, width] = state.shape;
        const middle = Math.min(frames, kept ?? frames);
        const part = state.slice([0, Math.trunc(frames / 2 - middle / 2), 0], [1, middle, width]);
        return part.dataSync().slice() as Float32Array;
      }),
    );
    cache.write(number, states);
    progress.advance();
  }
  progress.stop();
  backbone.dispose();
}
