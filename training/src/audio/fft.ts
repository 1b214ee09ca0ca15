/** In-place radix-2 fast Fourier transform of `size` complex numbers; `size` is a power of two. */
export class Fft {
  readonly size: number;
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;

  constructor(size: number) {
    if (!Number.isInteger(Math.log2(size))) throw new RangeError(`size must be a power of two: ${size}`);
    this.size = size;
    this.#cos = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size));
    this.#sin = Float64Array.from({ length: size / 2 }, (_, k) => -Math.sin((2 * Math.PI * k) / size));
  }

  forward(re: Float64Array, im: Float64Array): void {
    this.#permute(re, im);
    for (let half = 1; half < this.size; half *= 2) {
      const stride = this.size / (2 * half);
      for (let start = 0; start < this.size; start += 2 * half) {
        for (let k = 0; k < half; k++) {
          const cos = this.#cos[k * stride] as number;
          const sin = this.#sin[k * stride] as number;
          const a = start + k;
          const b = a + half;
          const bRe = re[b] as number;
          const bIm = im[b] as number;
          const tRe = bRe * cos - bIm * sin;
          const tIm = bRe * sin + bIm * cos;
          re[b] = (re[a] as number) - tRe;
          im[b] = (im[a] as number) - tIm;
          re[a] = (re[a] as number) + tRe;
          im[a] = (im[a] as number) + tIm;
        }
      }
    }
  }

  /** The inverse, scaled so that it undoes `forward`. */
  inverse(re: Float64Array, im: Float64Array): void {
    this.forward(im, re);
    for (let n = 0; n < this.size; n++) {
      re[n] = (re[n] as number) / this.size;
      im[n] = (im[n] as number) / this.size;
    }
  }

  #permute(re: Float64Array, im: Float64Array): void {
    for (let n = 1, reversed = 0; n < this.size; n++) {
      let bit = this.size >> 1;
      for (; reversed & bit; bit >>= 1) reversed ^= bit;
      reversed ^= bit;
      if (n < reversed) {
        [re[n], re[reversed]] = [re[reversed] as number, re[n] as number];
        [im[n], im[reversed]] = [im[reversed] as number, im[n] as number];
      }
    }
  }
}

/** The linear convolution of two real signals, of length a + b - 1. */
export function convolve(a: Float32Array, b: Float32Array): Float32Array {
  const length = a.length + b.length - 1;
  const fft = new Fft(2 ** Math.ceil(Math.log2(length)));
  // One transform for both: `a` as the real part, `b` as the imaginary part. Then (A + iB)^2 = A^2 - B^2 + 2i AB.
  const re = new Float64Array(fft.size);
  const im = new Float64Array(fft.size);
  re.set(a);
  im.set(b);
  fft.forward(re, im);
  for (let k = 0; k < fft.size; k++) {
    const [x, y] = [re[k] as number, im[k] as number];
    re[k] = x * x - y * y;
    im[k] = 2 * x * y;
  }
  fft.inverse(re, im);
  return Float32Array.from({ length }, (_, n) => (im[n] as number) / 2);
}
