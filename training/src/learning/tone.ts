import type { Random } from '../run/random.ts';

/** Waves of which a curve is the sum: the slowest is half a period from the lowest band to the highest. */
const waves = 4;

/**
 * What another microphone, or another room's absorption, does to the spectrum: a smooth random curve over the bands, of mean 0.
 *
 * @param deviationDb - standard deviation of the curve, dB
 * @returns [mels]: to be added to log10 of power
 */
export function drawTone(mels: number, deviationDb: number, random: Random): Float32Array {
  // A cosine has a mean square of one half.
  const amplitude = (deviationDb / 10) * Math.sqrt(2 / waves);
  const factors = Array.from({ length: waves }, () => amplitude * random.normal());
  return Float32Array.from({ length: mels }, (_, band) =>
    factors.reduce((sum, factor, wave) => sum + factor * Math.cos((Math.PI * (wave + 1) * (band + 0.5)) / mels), 0),
  );
}

/**
 * Adds a curve to each frame, in place.
 *
 * @param logMel [frames][mels], nothing below `floorLog10`, before and after
 */
export function bendSpectra(logMel: Float32Array, tone: Float32Array, floorLog10: number): void {
  for (let from = 0; from < logMel.length; from += tone.length) {
    for (let band = 0; band < tone.length; band++) {
      const bent = (logMel[from + band] as number) + (tone[band] as number);
      logMel[from + band] = bent > floorLog10 ? bent : floorLog10;
    }
  }
}
