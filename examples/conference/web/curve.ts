import type { NoScoreReason } from '../../../src/events.ts';
import { reasonText } from '../src/wording.ts';
import type { History, ScorePoint } from './history.ts';

const width = 300;
const height = 48;
const left = 12;
const top = 4;
const bottom = 44;
/** Of a label's letter, on average. */
const letterWidth = 4.6;
const letterHeight = 9;

const svgElement = (name: string, attributes: Record<string, string | number>, text?: string): SVGElement => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text !== undefined) element.textContent = text;
  return element;
};

const y = (mos: number): number => bottom - ((mos - 1) / 4) * (bottom - top);

/** The history of one participant as a curve with its interval, and hatched where there was no score. */
export class Curve {
  readonly element = svgElement('svg', { viewBox: `0 0 ${width} ${height}`, class: 'curve', role: 'img' });
  readonly #moving = svgElement('g', {});
  readonly #clipId = `curve-${crypto.randomUUID()}`;

  constructor() {
    const clip = svgElement('clipPath', { id: this.#clipId });
    clip.append(svgElement('rect', { x: left, y: 0, width: width - left, height }));
    const clipped = svgElement('g', { 'clip-path': `url(#${this.#clipId})` });
    clipped.append(this.#moving);
    this.element.append(clip);
    for (const mos of [1, 2, 3, 4, 5]) {
      this.element.append(svgElement('path', { class: 'grid', d: `M${left} ${y(mos)}H${width}` }));
      if (mos % 2 === 1) this.element.append(svgElement('text', { class: 'tick', x: 0, y: y(mos) + 3 }, String(mos)));
    }
    this.element.append(clipped);
  }

  draw(history: History, nowMs: number): void {
    const x = (atMs: number) => left + (1 - (nowMs - atMs) / history.spanMs) * (width - left);
    const parts: SVGElement[] = [];
    for (const { fromMs, toMs, reason } of history.spans(nowMs)) {
      const [start, end] = [x(fromMs), x(toMs)];
      const span = svgElement('g', {});
      span.append(
        svgElement('title', {}, reasonText[reason]),
        svgElement('rect', {
          class: 'hatched',
          x: start,
          y: top,
          width: Math.max(0, end - start),
          height: bottom - top,
        }),
      );
      const label = reasonLabel(reason, (start + end) / 2, end - start);
      if (label) span.append(label);
      parts.push(span);
    }
    for (const run of history.runs(nowMs)) {
      const edge = (points: ScorePoint[], value: (point: ScorePoint) => number) =>
        points.map((point) => `${x(point.atMs).toFixed(1)} ${y(value(point)).toFixed(1)}`).join('L');
      const upper = edge(run, (point) => point.upper);
      const lower = edge([...run].reverse(), (point) => point.lower);
      parts.push(svgElement('path', { class: 'band', d: `M${upper}L${lower}Z` }));
      parts.push(svgElement('path', { class: 'line', d: `M${edge(run, (point) => point.mosLqo)}` }));
      const last = run.at(-1);
      if (last) parts.push(svgElement('circle', { class: 'dot', cx: x(last.atMs), cy: y(last.mosLqo), r: 2.2 }));
    }
    this.#moving.replaceChildren(...parts);
    this.element.setAttribute('aria-label', describe(history, nowMs));
  }
}

/** The reason across its span, or upright in a narrow one; where neither fits it is in the tooltip only. */
function reasonLabel(reason: NoScoreReason, centre: number, room: number): SVGElement | undefined {
  const text = reason.replaceAll('-', ' ');
  const length = text.length * letterWidth;
  const middle = (top + bottom) / 2;
  if (length < room - 4) return svgElement('text', { class: 'reason', x: centre, y: middle + 3 }, text);
  if (letterHeight > room || length > bottom - top) return undefined;
  const upright = `translate(${centre + 3} ${middle}) rotate(-90)`;
  return svgElement('text', { class: 'reason', transform: upright }, text);
}

function describe(history: History, nowMs: number): string {
  const scores = history
    .runs(nowMs)
    .flat()
    .map(({ mosLqo }) => mosLqo);
  const seconds = history.spanMs / 1000;
  if (scores.length === 0) return `No scores in the last ${seconds} seconds`;
  const [least, most] = [Math.min(...scores), Math.max(...scores)];
  return `${scores.length} scores in the last ${seconds} seconds, from ${least.toFixed(1)} to ${most.toFixed(1)}`;
}
