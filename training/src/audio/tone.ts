import type { Random } from '../run/random.ts';
import { bellSection, biquad } from './filter.ts';

/** Where the bells may lie, Hz: one in each range, so that the whole spectrum is bent. */
const ranges = [
  [80, 300],
  [300, 900],
  [900, 2500],
  [2500, 7000],
] as const;
/** Width of a bell: two octaves. */
const q = 0.67;

/**
 * The sound of another microphone, or of another thing that makes the noise: four wide bells at random places raise or
 * lower parts of the spectrum, each by a gain drawn from a normal distribution.
 *
 * @param deviationDb - standard deviation of the gains, dB; 0: nothing changes
 */
export function toned(samples: Float32Array, deviationDb: number, random: Random): Float32Array {
  if (!(deviationDb >= 0)) throw new RangeError(`deviationDb must be at least 0: ${deviationDb}`);
  if (deviationDb === 0) return samples;
  return ranges.reduce((bent, [low, high]) => {
    const hz = low * (high / low) ** random.uniform();
    return biquad(bent, bellSection(hz, deviationDb * random.normal(), q));
  }, samples);
}
