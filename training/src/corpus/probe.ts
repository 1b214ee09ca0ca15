import { decodeFile, sampleRateHz } from '../audio/ffmpeg.ts';
import { TrainingError } from '../run/errors.ts';

/** Result of decoding a file. */
export type Probe = { seconds: number; peak: number } | { fault: string };

/** Decodes a whole file; one that cannot be decoded, is empty or is silent has a fault. */
export async function probe(path: string): Promise<Probe> {
  let samples: Float32Array;
  try {
    samples = await decodeFile(path);
  } catch (error) {
    if (error instanceof TrainingError && error.code === 'audio') return { fault: error.message };
    throw error;
  }
  if (samples.length === 0) return { fault: 'has no samples' };
  let peak = 0;
  for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  if (!Number.isFinite(peak)) return { fault: 'has samples that are not finite' };
  if (peak < 1e-4) return { fault: `is silent: peak ${peak}` };
  return { seconds: samples.length / sampleRateHz, peak };
}
