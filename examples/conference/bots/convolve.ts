/** In-place radix-2 FFT of `re + i im`, a power of two long; `sign` -1 forwards, +1 backwards (not scaled). */
function fft(re: Float64Array, im: Float64Array, sign: -1 | 1): void {
  const size = re.length;
  for (let index = 1, reversed = 0; index < size; index++) {
    let bit = size >> 1;
    for (; reversed & bit; bit >>= 1) reversed ^= bit;
    reversed ^= bit;
    if (index < reversed) {
      [re[index], re[reversed]] = [re[reversed] as number, re[index] as number];
      [im[index], im[reversed]] = [im[reversed] as number, im[index] as number];
    }
  }
  for (let half = 1; half < size; half *= 2) {
    for (let offset = 0; offset < half; offset++) {
      const angle = (sign * Math.PI * offset) / half;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      for (let upper = offset; upper < size; upper += 2 * half) {
        const lower = upper + half;
        const [lowerRe, lowerIm] = [re[lower] as number, im[lower] as number];
        const turnedRe = cos * lowerRe - sin * lowerIm;
        const turnedIm = cos * lowerIm + sin * lowerRe;
        re[lower] = (re[upper] as number) - turnedRe;
        im[lower] = (im[upper] as number) - turnedIm;
        re[upper] = (re[upper] as number) + turnedRe;
        im[upper] = (im[upper] as number) + turnedIm;
      }
    }
  }
}

/** Linear convolution of two signals: `a.length + b.length - 1` samples. */
export function convolve(a: Float32Array, b: Float32Array): Float32Array {
  const length = a.length + b.length - 1;
  const size = 2 ** Math.ceil(Math.log2(length));
  // Two real signals in one complex transform: with z = a + i b, the square's imaginary part is 2 a * b.
  const re = new Float64Array(size);
  const im = new Float64Array(size);
  re.set(a);
  im.set(b);
  fft(re, im, -1);
  for (let index = 0; index < size; index++) {
    const [real, imaginary] = [re[index] as number, im[index] as number];
    re[index] = real * real - imaginary * imaginary;
    im[index] = 2 * real * imaginary;
  }
  fft(re, im, 1);
  return Float32Array.from({ length }, (_, index) => (im[index] as number) / (2 * size));
}
