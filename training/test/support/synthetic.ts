import { DataSet, type StoredClip } from '../../src/learning/data-set.ts';
import { toFloat16 } from '../../src/run/float16.ts';
import { Random } from '../../src/run/random.ts';

/**
 * Clips that a small network can learn in seconds: tilted noise that stands for speech comes and goes, the floor below it
 * is higher the worse the MOS is, and the second cause is a hole in the upper bands.
 */
export function syntheticClip(seed: number, frames: number, mels: number): StoredClip {
  const random = Random.derive(seed, 'synthetic clip');
  const mos = random.uniform(1.2, 4.8);
  const noisy = mos < 2.8 ? 1 : 0;
  const narrow = random.integer(0, 1);
  const speech = new Uint8Array(frames);
  for (let frame = 0, on = 1; frame < frames; on = 1 - on) {
    const length = random.integer(20, 60);
    speech.fill(on, frame, Math.min(frames, frame + length));
    frame += length;
  }
  const level = random.uniform(-2, 0);
  const logMel = new Float32Array(frames * mels);
  for (let frame = 0; frame < frames; frame++) {
    for (let mel = 0; mel < mels; mel++) {
      const voice = speech[frame] === 1 ? 1 - (2 * mel) / mels + 0.3 * random.normal() : -9;
      const floor = -mos + 0.2 * random.normal();
      const hole = narrow === 1 && mel > mels / 2 ? -2 : 0;
      logMel[frame * mels + mel] = level + Math.max(voice, floor) + hole;
    }
  }
  const peaks = Float32Array.from(speech, (on) => 10 ** (level / 2) * (on ? 0.5 : 0.05));
  return { logMel: toFloat16(logMel), peaks, speech, mos, causes: [noisy, 0, narrow, 0, 0, 0] };
}

/** Some shards of such clips. */
export function syntheticData(seed: number, shards: number, clips: number, { frames = 96, mels = 16 } = {}): DataSet {
  const sources = Array.from({ length: shards }, (_, shard) => ({
    size: clips,
    load: () =>
      Array.from({ length: clips }, (_, index) => {
        const number = (seed * 1000 + shard) * 1000 + index;
        return syntheticClip(number, frames + 8 * (number % 3), mels);
      }),
  }));
  return new DataSet(sources, 4);
}
