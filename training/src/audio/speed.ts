/** Zero crossings of the interpolating kernel on each side. */
const crossings = 16;
/** Values of the kernel that are kept per crossing; between them it is interpolated linearly (error below 1e-5). */
const perCrossing = 512;

/** One side of the kernel: a sinc under a Hann window. */
const kernel = Float64Array.from({ length: crossings * perCrossing + 2 }, (_, n) => {
  const angle = (Math.PI * n) / perCrossing;
  if (n === 0) return 1;
  return n < crossings * perCrossing ? (Math.sin(angle) / angle) * (0.5 + 0.5 * Math.cos(angle / crossings)) : 0;
});

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
  const out = new Float32Array(Math.floor(samples.length / speed));
  for (let n = 0; n < out.length; n++) {
    const at = n * speed;
    const first = Math.max(0, Math.ceil(at - reach));
    const last = Math.min(samples.length - 1, Math.floor(at + reach));
    let sum = 0;
    for (let m = first; m <= last; m++) {
      const place = Math.abs(m - at) * cut * perCrossing;
      const index = Math.trunc(place);
      const [here, next] = [kernel[index] as number, kernel[index + 1] as number];
      sum += (samples[m] as number) * (here + (place - index) * (next - here));
    }
    out[n] = cut * sum;
  }
  return out;
}
