/** Upper end of the front end's bands; their lower end, 20 Hz, is so near 0 that it is taken for 0. */
const highHz = 8000;

const melOf = (hz: number) => 2595 * Math.log10(1 + hz / 700);
const hzOf = (mel: number) => 700 * (10 ** (mel / 2595) - 1);

/**
 * Moves all that is heard at f x `factor` to f, in place, as if the talker's vocal tract were longer (above 1) or shorter (vocal tract
 * length perturbation, Jaitly and Hinton, ICML workshop on deep learning for audio, speech and language processing, 2013).
 *
 * @param logMel [frames][mels], bands evenly spaced in mel; what lies beyond the highest band is taken to be as that
 */
export function warpFrequencies(logMel: Float32Array, mels: number, factor: number): void {
  const unit = melOf(highHz) / (mels + 1);
  const lower = new Int32Array(mels);
  const share = new Float32Array(mels);
  for (let band = 0; band < mels; band++) {
    const at = melOf(hzOf((band + 1) * unit) * factor) / unit - 1;
    const within = Math.min(mels - 1, Math.max(0, at));
    lower[band] = Math.min(mels - 2, Math.floor(within));
    share[band] = within - (lower[band] as number);
  }
  const frame = new Float32Array(mels);
  for (let from = 0; from < logMel.length; from += mels) {
    frame.set(logMel.subarray(from, from + mels));
    for (let band = 0; band < mels; band++) {
      const [below, part] = [lower[band] as number, share[band] as number];
      logMel[from + band] = (frame[below] as number) * (1 - part) + (frame[below + 1] as number) * part;
    }
  }
}
