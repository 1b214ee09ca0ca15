/** Largest difference of two arrays of the same length. */
export function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return a.reduce((largest, value, n) => Math.max(largest, Math.abs(value - (b[n] as number))), 0);
}
