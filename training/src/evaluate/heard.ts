import { loadNative } from '../../../src/engine/load.ts';
import { decodeFile } from '../audio/ffmpeg.ts';

/** A clip as a model hears it. */
export interface Heard {
  /** [frames][mels]: log10 of power, not normalised. */
  logMel: Float32Array;
  /** [frames]: largest absolute sample. */
  peaks: Float32Array;
}

/** A whole audio file, talk gate left out. */
export async function hearFile(path: string): Promise<Heard & { samples: Float32Array }> {
  const samples = await decodeFile(path);
  const addon = loadNative();
  const { hopSize, mels } = addon.features;
  const logMel = addon.logMel(samples);
  const peaks = Float32Array.from({ length: logMel.length / mels }, (_, frame) =>
    samples.subarray(frame * hopSize, (frame + 1) * hopSize).reduce((peak, x) => Math.max(peak, Math.abs(x)), 0),
  );
  return { samples, logMel, peaks };
}
