/** Zero crossings of the interpolating kernel on each side. */
const crossings = 16;

/**
 * A recording played at another speed: pitch, formants and tempo move together, as of a talker of another size (speed
 * perturbation; T. Ko et al., "Audio augmentation for speech recognition", Interspeech 2015). Band-limited interpolation
 * with a Hann-windowed sinc.
 *
 * @param speed - above 1: faster and higher; below 1 nothing is left above `speed` x 8 kHz
 */
export function played(samples: Float32Array, speed: number): Float32Array {
  if (!(speed > 0)) throw new RangeError(`speed must be above 0: ${speed}`);
  if (speed === 1) return samples;
  const cut = Math.min(1, 1 / speed);
  const reach = crossings / cut;
  return Float32Array.from({ length: Math.floor(samples.length / speed) }, (_, n) => {
    const at = n * speed;
    const first = Math.max(0, Math.ceil(at - reach));
    const last = Math.min(samples.length - 1, Math.floor(at + reach));
    let sum = 0;
    for (let m = first; m <= last; m++) {
      const distance = m - at;
      const angle = Math.PI * cut * distance;
      const sinc = angle === 0 ? 1 : Math.sin(angle) / angle;
      sum += (samples[m] as number) * cut * sinc * (0.5 + 0.5 * Math.cos((Math.PI * distance) / reach));
    }
    return sum;
  });
}
