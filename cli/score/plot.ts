import type { CurvePoint } from './score-recording.ts';

const width = 900;
const height = 300;
const margin = { left: 44, right: 16, top: 36, bottom: 40 };
const plotWidth = width - margin.left - margin.right;
const plotHeight = height - margin.top - margin.bottom;

const yOf = (mos: number) => margin.top + ((5 - mos) / 4) * plotHeight;

const escaped = (text: string) =>
  text.replace(/[<>&"]/g, (character) => `&#${(character.codePointAt(0) as number).toString()};`);

/** Runs of seconds that are alike. */
function runs<T>(curve: readonly CurvePoint[], keyOf: (point: CurvePoint) => T): { key: T; points: CurvePoint[] }[] {
  const found: { key: T; points: CurvePoint[] }[] = [];
  for (const point of curve) {
    const key = keyOf(point);
    const last = found.at(-1);
    if (last !== undefined && last.key === key) last.points.push(point);
    else found.push({ key, points: [point] });
  }
  return found;
}

/** A gap between lines of time that leaves at most a dozen of them. */
function tickSeconds(seconds: number): number {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
  return steps.find((step) => seconds / step <= 12) ?? Math.ceil(seconds / 12);
}

const clock = (second: number) => `${Math.floor(second / 60)}:${String(second % 60).padStart(2, '0')}`;

/** The curve of a recording as SVG: score over time with its interval; grey where there is no score, with the reason. */
export function plotCurve(title: string, curve: readonly CurvePoint[]): string {
  const xOf = (second: number) => margin.left + (second / Math.max(1, curve.length)) * plotWidth;
  const at = (second: number, mos: number) => `${xOf(second + 1).toFixed(1)},${yOf(mos).toFixed(1)}`;
  const scored = runs(curve, ({ mosLqo }) => mosLqo !== undefined).filter(({ key }) => key);
  const silent = runs(curve, ({ reason }) => reason).filter(({ key }) => key !== undefined);
  const step = tickSeconds(curve.length);
  const times = Array.from({ length: Math.floor(curve.length / step) + 1 }, (_, index) => index * step);
  const end = margin.top + plotHeight;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${margin.left}" y="20" font-size="14">${escaped(title)}</text>`,
    ...silent.map(({ key, points }) => {
      const x = xOf(points[0]?.second as number);
      const right = xOf((points.at(-1)?.second as number) + 1);
      return (
        `<rect x="${x.toFixed(1)}" y="${margin.top}" width="${(right - x).toFixed(1)}" height="${plotHeight}" fill="#eee">` +
        `<title>no score: ${escaped(key as string)}</title></rect>`
      );
    }),
    ...[1, 2, 3, 4, 5].flatMap((mos) => [
      `<line x1="${margin.left}" x2="${width - margin.right}" y1="${yOf(mos)}" y2="${yOf(mos)}" stroke="#ccc"/>`,
      `<text x="${margin.left - 8}" y="${yOf(mos) + 4}" text-anchor="end">${mos}</text>`,
    ]),
    ...times.map(
      (time) => `<text x="${xOf(time).toFixed(1)}" y="${end + 16}" text-anchor="middle">${clock(time)}</text>`,
    ),
    `<text x="${margin.left}" y="${height - 6}" fill="#555">time, min:s; MOS-LQO with its interval; grey: no score</text>`,
    ...scored.flatMap(({ points }) => {
      const up = points.map(({ second, upper }) => at(second, upper as number));
      const down = points.map(({ second, lower }) => at(second, lower as number)).reverse();
      const line = points.map(({ second, mosLqo }) => at(second, mosLqo as number));
      return [
        `<polygon points="${[...up, ...down].join(' ')}" fill="#0072b2" fill-opacity="0.2"/>`,
        `<polyline points="${line.join(' ')}" fill="none" stroke="#0072b2" stroke-width="2"/>`,
        ...(points.length === 1
          ? [`<circle cx="${line[0]?.split(',')[0]}" cy="${line[0]?.split(',')[1]}" r="2.5" fill="#0072b2"/>`]
          : []),
      ];
    }),
    '</svg>',
  ];
  return `${lines.join('\n')}\n`;
}
