export interface Tick {
  readonly atMs: number;
  /** '14:05', or '14:05:30' where ticks are closer than a minute. */
  readonly text: string;
}

const second = 1000;
const minute = 60 * second;
const steps = [
  5 * second,
  10 * second,
  15 * second,
  30 * second,
  minute,
  2 * minute,
  5 * minute,
  10 * minute,
  15 * minute,
];
const longestStep = 30 * minute;

/** Ticks of a time axis at round clock times, at most `most` of them; spans of up to some hours. Times are Unix ms. */
export function timeTicks({ fromMs, toMs }: { fromMs: number; toMs: number }, most: number): Tick[] {
  const stepMs = steps.find((step) => (toMs - fromMs) / step <= most) ?? longestStep;
  const ticks: Tick[] = [];
  for (let atMs = Math.ceil(fromMs / stepMs) * stepMs; atMs <= toMs && ticks.length < most; atMs += stepMs) {
    ticks.push({ atMs, text: clockText(atMs, stepMs < minute) });
  }
  return ticks;
}

/** Local time of day. */
export function clockText(unixMs: number, withSeconds: boolean): string {
  const time = new Date(unixMs);
  const parts = [time.getHours(), time.getMinutes(), ...(withSeconds ? [time.getSeconds()] : [])];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}
