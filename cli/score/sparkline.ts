import type { CurvePoint } from './score-recording.ts';

const bars = '▁▂▃▄▅▆▇█';
const noScore = '·';

/** A curve in one line of at most `width` characters: the higher, the better; · = no score. */
export function sparkline(curve: readonly CurvePoint[], width: number): string {
  const perCharacter = Math.max(1, Math.ceil(curve.length / width));
  let line = '';
  for (let at = 0; at < curve.length; at += perCharacter) {
    const scores = curve.slice(at, at + perCharacter).flatMap(({ mosLqo }) => mosLqo ?? []);
    // Of several seconds the worst: a short bad passage stays visible.
    line += scores.length === 0 ? noScore : bars[Math.min(7, Math.floor((Math.min(...scores) - 1) * 2))];
  }
  return line;
}
