import type { QualityState } from '../../../src/events.ts';
import type { MosEvent, MosSnapshotEvent, ProducerOrigin } from '../../feeds/events.ts';
import { csvOf } from '../csv.ts';
import { headlineOf } from '../headline.ts';
import { placeTime, steadyNowMs } from '../history-clock.ts';
import { type HistoryReply, historySpan } from '../history-reply.ts';
import { type CurveRange, type Palette, readPalette } from './curve.ts';
import { choice, element, setText } from './dom.ts';
import { Row } from './row.ts';

const tickMs = 500;
/** How often rows trade places, and those out of sight get their new text, ms. */
const reorderMs = 3000;
/** Of those who left; then the first makes way. */
const maxLeft = 500;

const ranges = { minute: 60_000, '10-minutes': 600_000, hour: historySpan.spanMs } as const;
type Range = keyof typeof ranges;
type Filter = 'all' | QualityState;
type Order = 'worst' | 'appearance' | 'name';

const rankOf: Readonly<Record<QualityState, number>> = { poor: 0, fair: 1, good: 2, unknown: 3 };

const orders: Readonly<Record<Order, (a: Row, b: Row) => number>> = {
  worst: (a, b) => rankOf[a.state] - rankOf[b.state] || (a.mosLqo ?? 6) - (b.mosLqo ?? 6) || a.number - b.number,
  appearance: (a, b) => a.number - b.number,
  name: (a, b) => a.name.localeCompare(b.name) || a.number - b.number,
};

/** The controls, and a row for every producer. Those on the screen are kept up to date, others now and then: but not their curves. */
export class Board {
  readonly element = element('div', { className: 'board' });
  readonly #headline = element('p', { className: 'headline', ariaLive: 'polite' });
  readonly #body = element('tbody');
  readonly #tooltip = element('div', { className: 'tooltip', hidden: true });
  readonly #empty = element('p', { className: 'empty' }, 'No participants yet.');
  readonly #rows = new Map<string, Row>();
  readonly #rowOfCanvas = new Map<Element, Row>();
  readonly #seen = new IntersectionObserver((entries) => this.#onSeen(entries), { rootMargin: '80px' });
  readonly #counts: ReadonlyMap<Filter, HTMLElement>;
  readonly #curveHeading = element('th', { scope: 'col', className: 'curve' });
  readonly #nameOf: (origin: ProducerOrigin) => string;
  #range: Range = 'minute';
  #filter: Filter = 'all';
  #order: Order = 'worst';
  #search = '';
  #showLeft = false;
  /** Server's clock - ours, ms; unknown before the first event. */
  #clockOffsetMs: number | undefined;
  #palette: Palette | undefined;
  #orderedMs = 0;
  #nextNumber = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(nameOf: (origin: ProducerOrigin) => string) {
    this.#nameOf = nameOf;
    const { element: filter, labels } = this.#filterChoice();
    this.#counts = labels;
    this.element.append(this.#headline, this.#controls(filter), this.#table(), this.#legend(), this.#tooltip);
    this.#body.addEventListener('keydown', (event) => this.#onKey(event));
    this.#body.addEventListener('focusin', (event) => this.#onFocus(event.target));
    this.#body.addEventListener('pointermove', (event) => this.#onPoint(event));
    this.#body.addEventListener('pointerleave', () => this.#hideTooltip());
    this.#setRange('minute');
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#tick(), tickMs);
    addEventListener('beforeprint', this.#drawAll);
    this.#tick();
  }

  stop(): void {
    removeEventListener('beforeprint', this.#drawAll);
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  clear(): void {
    for (const row of this.#rows.values()) this.#remove(row);
    this.#arrange();
  }

  setHistory({ nowMs, producers }: HistoryReply): void {
    this.#clockOffsetMs = nowMs - steadyNowMs();
    for (const { firstBucket, points, closedAtMs, ...origin } of producers) {
      const row = this.#rowOf(origin);
      row.setHistory({ firstBucket, bytes: Uint8Array.from(atob(points), (char) => char.charCodeAt(0)) }, nowMs);
      if (closedAtMs !== undefined) row.close(closedAtMs);
    }
    this.#arrange();
  }

  /** What holds now of these producers, in place of what was known of them; others stay as they are. */
  setSnapshot({ time, producers }: MosSnapshotEvent): void {
    // Not again: the server's clock may have been set since the history was read.
    this.#clockOffsetMs ??= time - steadyNowMs();
    for (const producer of producers) {
      const { status } = producer;
      this.#rowOf(producer).setSnapshot(
        status === undefined ? producer : { ...producer, status: this.#placed(status) },
      );
    }
    this.#arrange();
  }

  handle(event: MosEvent): void {
    if (event.type === 'producerclose') this.#rows.get(event.producerId)?.close(this.#placed(event).time);
    if (event.type === 'producerclose' || event.type === 'report') return;
    const isNew = !this.#rows.has(event.producerId);
    const row = this.#rowOf(event);
    if (event.type === 'score' || event.type === 'noscore') row.setStatus(this.#placed(event));
    else if (event.type === 'state') row.setState(event.state);
    else row.setWarning(event);
    if (isNew) this.#arrange();
  }

  /** Asks for every name again. */
  rename(): void {
    for (const row of this.#rows.values()) row.name = this.#nameOf(row.origin);
    this.#arrange();
  }

  /** The colours have changed. */
  repaint(): void {
    this.#palette = undefined;
    for (const row of this.#rows.values()) row.invalidate();
  }

  get #nowMs(): number {
    return steadyNowMs() + (this.#clockOffsetMs ?? 0);
  }

  /** A clock that is set far ahead would push out the hour that is shown. */
  #placed<Event extends { readonly time: number }>(event: Event): Event {
    return { ...event, time: placeTime(event.time, this.#nowMs, this.#nowMs) };
  }

  #rowOf(origin: ProducerOrigin): Row {
    const known = this.#rows.get(origin.producerId);
    if (known !== undefined) {
      if (known.participantId !== origin.participantId) known.setOrigin(origin);
      return known;
    }
    const row = new Row(this.#nextNumber++, origin);
    row.name = this.#nameOf(origin);
    this.#rows.set(origin.producerId, row);
    this.#rowOfCanvas.set(row.canvas, row);
    this.#seen.observe(row.canvas);
    return row;
  }

  #remove(row: Row): void {
    this.#seen.unobserve(row.canvas);
    this.#rowOfCanvas.delete(row.canvas);
    this.#rows.delete(row.producerId);
    row.remove();
  }

  #tick(): void {
    if (document.hidden) return;
    const nowMs = this.#nowMs;
    this.#forgetLeft(nowMs);
    const all = nowMs - this.#orderedMs >= reorderMs;
    for (const row of this.#rows.values()) if (all || row.visible) row.render(nowMs);
    if (all) this.#arrange();
    for (const row of this.#rows.values()) if (row.visible) this.#draw(row, nowMs);
  }

  #draw(row: Row, nowMs: number): void {
    this.#palette ??= readPalette(this.element);
    row.draw(this.#rangeUntil(nowMs), this.#palette);
  }

  #rangeUntil(nowMs: number): CurveRange {
    return { fromMs: nowMs - ranges[this.#range], toMs: nowMs };
  }

  /** Also those that are not on the screen: they are on paper. */
  readonly #drawAll = (): void => {
    for (const row of this.#rows.values()) this.#draw(row, this.#nowMs);
  };

  #forgetLeft(nowMs: number): void {
    const left = [...this.#rows.values()].filter((row) => row.left);
    left.forEach((row, index) => {
      const tooOld = (row.closedAtMs ?? nowMs) < nowMs - historySpan.spanMs;
      if (tooOld || index < left.length - maxLeft) this.#remove(row);
    });
  }

  /** Filters, counts and orders. The row with the keyboard's focus is not moved, others move around it: moving it would end its focus. */
  #arrange(): void {
    this.#orderedMs = this.#nowMs;
    const rows = [...this.#rows.values()].filter((row) => this.#showLeft || !row.left);
    const counts = { all: rows.length, good: 0, fair: 0, poor: 0, unknown: 0 };
    for (const row of rows) counts[row.state]++;
    for (const [filter, label] of this.#counts) setText(label, `${filterText[filter]} ${counts[filter]}`);
    const headline = headlineOf(rows.filter((row) => !row.left));
    setText(this.#headline, headline.text);
    this.#headline.dataset.state = headline.state;
    const shown = new Set(rows.filter((row) => this.#fits(row)));
    for (const row of this.#rows.values()) if (!shown.has(row)) row.remove();
    this.#empty.hidden = shown.size > 0;
    setText(this.#empty, rows.length === 0 ? 'No participants yet.' : 'No participant matches the filter.');
    const ordered = [...shown].sort(orders[this.#order]);
    const focused = this.#focused;
    const focusedAt = focused === undefined ? -1 : ordered.indexOf(focused);
    this.#place(ordered.slice(0, Math.max(0, focusedAt)), this.#body.firstElementChild);
    this.#place(
      ordered.slice(focusedAt + 1),
      ordered[focusedAt]?.details.nextElementSibling ?? this.#startOf(focusedAt),
    );
    this.#keepOneTabStop(ordered);
  }

  /** Where rows begin that follow no focused one. */
  #startOf(focusedAt: number): Element | null {
    return focusedAt === -1 ? this.#body.firstElementChild : null;
  }

  /** Puts rows in this order, from a place on; those that are right already are not touched. */
  #place(ordered: readonly Row[], from: Element | null): void {
    let place = from;
    for (const row of ordered) {
      if (row.element === place) place = row.details.nextElementSibling;
      else this.#body.insertBefore(row.element, place).after(row.details);
    }
  }

  #onPoint({ target, offsetX, clientX, clientY }: PointerEvent): void {
    const text = this.#rowOfCanvas.get(target as Element)?.describeAt(offsetX);
    if (text === undefined) {
      this.#hideTooltip();
      return;
    }
    setText(this.#tooltip, text);
    this.#tooltip.hidden = false;
    const { left, top, width } = this.element.getBoundingClientRect();
    const room = Math.max(0, width - this.#tooltip.offsetWidth);
    this.#tooltip.style.left = `${Math.min(room, Math.max(0, clientX - left - this.#tooltip.offsetWidth / 2))}px`;
    this.#tooltip.style.top = `${clientY - top - this.#tooltip.offsetHeight - 10}px`;
  }

  #hideTooltip(): void {
    this.#tooltip.hidden = true;
  }

  /** Downloads the curves of the rows that are shown, in the order shown. */
  #download(): void {
    const range = this.#rangeUntil(this.#nowMs);
    const shown = [...this.#rows.values()].filter(({ element }) => element.isConnected).sort(orders[this.#order]);
    const csv = csvOf(shown.map((row) => row.export(range)));
    const url = URL.createObjectURL(new Blob([csv], { type: 'text/csv' }));
    const name = `speech-quality-${new Date(range.toMs).toISOString().slice(0, 19).replaceAll(':', '-')}.csv`;
    element('a', { href: url, download: name }).click();
    URL.revokeObjectURL(url);
  }

  #fits(row: Row): boolean {
    if (this.#filter !== 'all' && row.state !== this.#filter) return false;
    return row.name.toLowerCase().includes(this.#search.toLowerCase());
  }

  /** The row with the keyboard's focus. */
  get #focused(): Row | undefined {
    const focus = (this.element.getRootNode() as Document | ShadowRoot).activeElement;
    return [...this.#rows.values()].find(({ toggle }) => toggle === focus);
  }

  /** Tab goes past the rows in one step; arrow keys go from one to the next. */
  #keepOneTabStop(shown: readonly Row[]): void {
    if (shown.some(({ toggle }) => toggle.tabIndex === 0)) return;
    const first = this.#toggles[0];
    if (first !== undefined) first.tabIndex = 0;
  }

  get #toggles(): HTMLButtonElement[] {
    return [...this.#body.querySelectorAll<HTMLButtonElement>('button.name')];
  }

  #onFocus(target: EventTarget | null): void {
    for (const { toggle } of this.#rows.values()) toggle.tabIndex = toggle === target ? 0 : -1;
  }

  #onKey(event: KeyboardEvent): void {
    const toggles = this.#toggles;
    const at = toggles.indexOf(event.target as HTMLButtonElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: toggles.length - 1 }[event.key];
    if (at === -1 || next === undefined) return;
    event.preventDefault();
    toggles[Math.max(0, Math.min(toggles.length - 1, next))]?.focus();
  }

  #onSeen(entries: readonly IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const row = this.#rowOfCanvas.get(target);
      if (row === undefined) continue;
      row.visible = isIntersecting;
      if (!isIntersecting) {
        row.release();
        continue;
      }
      row.render(this.#nowMs);
      this.#draw(row, this.#nowMs);
    }
  }

  #setRange(range: Range): void {
    this.#range = range;
    setText(this.#curveHeading, `Last ${rangeText[range]}`);
    for (const row of this.#rows.values()) row.invalidate();
    if (this.#timer !== undefined) this.#tick();
  }

  #filterChoice() {
    return choice('Show', Object.entries(filterText) as [Filter, string][], 'all', (filter) => {
      this.#filter = filter;
      this.#arrange();
    });
  }

  #controls(filter: HTMLElement): HTMLElement {
    const search = element('input', { type: 'search', placeholder: 'Name', ariaLabel: 'Find by name' });
    search.addEventListener('input', () => {
      this.#search = search.value;
      this.#arrange();
    });
    const order = element('select');
    for (const [value, text] of Object.entries(orderText)) order.append(element('option', { value }, text));
    order.addEventListener('change', () => {
      this.#order = order.value as Order;
      this.#arrange();
    });
    const left = element('input', { type: 'checkbox' });
    left.addEventListener('change', () => {
      this.#showLeft = left.checked;
      this.#arrange();
    });
    const range = choice('Curve', Object.entries(rangeText) as [Range, string][], this.#range, (chosen) =>
      this.#setRange(chosen),
    );
    const download = element('button', { type: 'button', className: 'csv', title: 'Download the curves shown' }, 'CSV');
    download.addEventListener('click', () => this.#download());
    const controls = element(
      'div',
      { className: 'controls' },
      filter,
      range.element,
      element('label', {}, 'Order', order),
      search,
      element('label', {}, left, 'show past participants'),
      download,
    );
    return foldedWhenNarrow(controls);
  }

  #table(): HTMLElement {
    const headings = [
      ['Participant', 'who'],
      ['Quality', 'quality'],
      ['State', 'state-cell'],
      ['Network', 'network'],
    ].map(([text, className]) => element('th', { scope: 'col', className: className as string }, text as string));
    const head = element('thead', {}, element('tr', {}, ...headings, this.#curveHeading));
    return element('div', { className: 'frame' }, element('table', {}, head, this.#body), this.#empty);
  }

  #legend(): HTMLElement {
    const sample = (className: string) => element('span', { className: `sample ${className}` });
    const entry = (className: string, text: string) => element('span', {}, sample(className), text);
    return element(
      'p',
      { className: 'legend' },
      entry(
        'line',
        'listening quality, MOS-LQO from 1 (bad) to 5 (excellent), with its interval; behind it the bands of good, fair and poor',
      ),
      entry('dashed', 'network alone: MOS-CQE of the E-model'),
      entry('hatched', 'no score, with the reason'),
    );
  }
}

const filterText: Readonly<Record<Filter, string>> = {
  all: 'All',
  good: '● Good',
  fair: '◆ Fair',
  poor: '▼ Poor',
  unknown: '– Unknown',
};
const rangeText: Readonly<Record<Range, string>> = { minute: 'minute', '10-minutes': '10 minutes', hour: 'hour' };
const orderText: Readonly<Record<Order, string>> = { worst: 'worst first', appearance: 'join order', name: 'name' };

/** Below this width the controls are folded, CSS pixels. */
const foldBelow = 600;

/** On a phone the controls would take half of the screen. */
function foldedWhenNarrow(controls: HTMLElement): HTMLElement {
  const folded = element('details', { className: 'options' }, element('summary', {}, 'Filter and order'), controls);
  let narrow: boolean | undefined;
  new ResizeObserver(([entry]) => {
    const width = entry?.contentRect.width ?? 0;
    if (width === 0 || narrow === width < foldBelow) return;
    narrow = width < foldBelow;
    folded.open = !narrow;
  }).observe(folded);
  folded.open = true;
  return folded;
}
