/**
 * One cycle (Smith and Topin, arXiv 1708.07120): up from peak / 25 during `warmup` of the steps, down to peak / 10,000,
 * both along half a cosine.
 *
 * @param step from 0 to steps - 1
 */
export function oneCycle(step: number, steps: number, peak: number, warmup: number): number {
  const top = warmup * steps;
  const between = (from: number, to: number, share: number) => to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2;
  if (step < top) return between(peak / 25, peak, step / top);
  return between(peak, peak / 10_000, (step - top) / Math.max(1, steps - 1 - top));
}

/** From 0 to 1 between two shares of the training: with what weight a loss that comes later counts. */
export function ramp(progress: number, from: number, to: number): number {
  if (progress <= from) return 0;
  return progress >= to ? 1 : (progress - from) / (to - from);
}
