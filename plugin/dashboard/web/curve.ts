import type { NoScoreReason } from '../../../src/events.ts';
import type { HistoryPart, ScorePoint, ScoreRun } from '../history.ts';
import { stateBands } from '../state-bands.ts';
import { timeTicks } from '../time-axis.ts';

/** The colours of a curve, from the style sheet. */
export interface Palette {
  readonly grid: string;
  readonly text: string;
  readonly quiet: string;
  readonly surface: string;
  readonly line: string;
  readonly hatch: string;
  readonly good: string;
  readonly fair: string;
  readonly poor: string;
  readonly font: string;
}

const properties = {
  ...{ grid: 'border', text: 'text', quiet: 'quiet', surface: 'surface', line: 'accent', hatch: 'hatch' },
  ...{ good: 'good', fair: 'fair', poor: 'poor' },
};

/** What the style sheet's colours come to here and now: a canvas knows neither `var()` nor `light-dark()`. */
export function readPalette(parent: Element): Palette {
  const probe = document.createElement('span');
  parent.append(probe);
  const style = getComputedStyle(probe);
  const colours = Object.entries(properties).map(([name, property]) => {
    probe.style.color = `var(--${property})`;
    return [name, style.color];
  });
  const font = `11px ${style.fontFamily}`;
  probe.remove();
  return { ...Object.fromEntries(colours), font };
}

export interface CurveRange {
  readonly fromMs: number;
  readonly toMs: number;
}

const left = 14;
/** Room for the dot of what is now. */
const right = 4;
const margin = 5;
/** Height of the time axis, CSS pixels. */
const axis = 14;
/** Width that the text of a tick needs, CSS pixels. */
const tickWidth = 64;

/** Unix ms at a place of a curve; `offsetX` from the canvas's left edge, CSS pixels. */
export function timeAt({ clientWidth }: HTMLCanvasElement, offsetX: number, { fromMs, toMs }: CurveRange): number {
  return fromMs + ((offsetX - left) / (clientWidth - left - right)) * (toMs - fromMs);
}

/**
 * Draws the scores of a producer on a canvas of its present size, over bands of the states and a time axis: the score as a
 * line in its interval, the network's MOS as a dashed line, and hatched, with the reason, where there was no score.
 */
export function drawCurve(
  canvas: HTMLCanvasElement,
  parts: readonly HistoryPart[],
  { fromMs, toMs }: CurveRange,
  palette: Palette,
): void {
  const ratio = devicePixelRatio;
  const { clientWidth: width, clientHeight } = canvas;
  const height = clientHeight - axis;
  const [pixelWidth, pixelHeight] = [Math.round(width * ratio), Math.round(clientHeight * ratio)];
  // Setting a canvas's size clears it and is slow: only when it changed.
  if (canvas.width !== pixelWidth) canvas.width = pixelWidth;
  if (canvas.height !== pixelHeight) canvas.height = pixelHeight;
  const context = canvas.getContext('2d');
  if (context === null || width <= left) return;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, clientHeight);
  context.font = palette.font;

  const y = (mos: number) => height - margin - ((mos - 1) / 4) * (height - 2 * margin);
  const x = (atMs: number) => left + ((atMs - fromMs) / (toMs - fromMs)) * (width - left - right);
  drawBands(context, palette, width, y);
  drawScale(context, palette, width, y);
  drawTimeAxis(context, palette, { fromMs, toMs }, { width, top: height, x });

  context.save();
  context.beginPath();
  context.rect(left, 0, width - left, height);
  context.clip();
  for (const part of parts) {
    if (part.type === 'noscore') {
      const span = { start: Math.max(left, x(part.fromMs)), end: Math.min(width, x(part.toMs)), height };
      drawNoScore(context, palette, part.reason, span);
    } else {
      drawScores(context, palette, part, x, y, part === parts.at(-1));
    }
  }
  context.restore();
}

function drawBands(context: CanvasRenderingContext2D, palette: Palette, width: number, y: (mos: number) => number) {
  let top = 5;
  context.globalAlpha = 0.09;
  for (const state of ['good', 'fair', 'poor'] as const) {
    context.fillStyle = palette[state];
    context.fillRect(left, y(top), width - left, y(stateBands[state]) - y(top));
    top = stateBands[state];
  }
  context.globalAlpha = 1;
}

function drawTimeAxis(
  context: CanvasRenderingContext2D,
  palette: Palette,
  range: CurveRange,
  { width, top, x }: { width: number; top: number; x: (atMs: number) => number },
) {
  context.fillStyle = palette.quiet;
  context.strokeStyle = palette.grid;
  context.lineWidth = 1;
  context.textBaseline = 'middle';
  context.textAlign = 'center';
  for (const { atMs, text } of timeTicks(range, Math.max(1, Math.floor((width - left) / tickWidth)))) {
    const half = context.measureText(text).width / 2;
    context.beginPath();
    context.moveTo(Math.round(x(atMs)) + 0.5, margin);
    context.lineTo(Math.round(x(atMs)) + 0.5, top);
    context.stroke();
    const at = Math.min(width - half, Math.max(left + half, x(atMs)));
    context.fillText(text, at, top + axis / 2);
  }
}

function drawScale(context: CanvasRenderingContext2D, palette: Palette, width: number, y: (mos: number) => number) {
  context.strokeStyle = palette.grid;
  context.lineWidth = 1;
  context.fillStyle = palette.quiet;
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  context.beginPath();
  for (const mos of [1, 2, 3, 4, 5]) {
    const at = Math.round(y(mos)) + 0.5;
    context.moveTo(left, at);
    context.lineTo(width, at);
    if (mos % 2 === 1) context.fillText(String(mos), 0, y(mos));
  }
  context.stroke();
}

function drawScores(
  context: CanvasRenderingContext2D,
  palette: Palette,
  run: ScoreRun,
  x: (atMs: number) => number,
  y: (mos: number) => number,
  goesOn: boolean,
): void {
  const [first, last] = [run.points[0], run.points.at(-1)];
  if (first === undefined || last === undefined) return;
  // Level to both ends of the run's time: a single score is a line too.
  const points = [{ ...first, atMs: run.fromMs }, ...run.points, ...(goesOn ? [] : [{ ...last, atMs: run.toMs }])];
  const trace = (path: readonly ScorePoint[], value: (point: ScorePoint) => number) => {
    for (const point of path) context.lineTo(x(point.atMs), y(value(point)));
  };
  context.beginPath();
  trace(points, ({ upper }) => upper);
  trace([...points].reverse(), ({ lower }) => lower);
  context.closePath();
  context.globalAlpha = 0.22;
  context.fillStyle = palette.line;
  context.fill();
  context.globalAlpha = 1;

  context.lineJoin = 'round';
  context.beginPath();
  trace(points, ({ mosCqe }) => mosCqe);
  context.setLineDash([2, 3]);
  context.strokeStyle = palette.quiet;
  context.lineWidth = 1.25;
  context.stroke();
  context.setLineDash([]);

  context.beginPath();
  trace(points, ({ mosLqo }) => mosLqo);
  context.strokeStyle = palette.line;
  context.lineWidth = 2;
  context.stroke();

  if (!goesOn) return;
  context.beginPath();
  context.arc(x(last.atMs), y(last.mosLqo), 2.6, 0, 2 * Math.PI);
  context.fillStyle = palette.line;
  context.fill();
}

const hatchSize = 6;

function drawNoScore(
  context: CanvasRenderingContext2D,
  palette: Palette,
  reason: NoScoreReason,
  { start, end, height }: { start: number; end: number; height: number },
): void {
  if (end <= start) return;
  context.save();
  context.beginPath();
  context.rect(start, margin, end - start, height - 2 * margin);
  context.clip();
  context.beginPath();
  for (let at = start - height - (start % hatchSize); at < end; at += hatchSize) {
    context.moveTo(at, height);
    context.lineTo(at + height, 0);
  }
  context.strokeStyle = palette.hatch;
  context.lineWidth = 1;
  context.stroke();
  context.restore();

  const text = reason.replaceAll('-', ' ');
  // In a narrow span the reason is in the row's words only.
  if (context.measureText(text).width > end - start - 6) return;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.lineJoin = 'round';
  context.lineWidth = 5;
  context.strokeStyle = palette.surface;
  context.strokeText(text, (start + end) / 2, height / 2);
  context.fillStyle = palette.text;
  context.fillText(text, (start + end) / 2, height / 2);
}
