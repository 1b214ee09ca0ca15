import type { QualityState } from '../../../src/events.ts';
import type { MosEvent, MosSnapshotEvent, ProducerOrigin } from '../../feeds/events.ts';
import { type HistoryReply, historySpan } from '../history-reply.ts';
import { type Palette, readPalette } from './curve.ts';
import { choice, element, setText } from './dom.ts';
import { Row } from './row.ts';

const tickMs = 500;
/** How often rows trade places, and those that nobody sees get their new text, ms. */
const reorderMs = 3000;
/** Of those who left; then the first makes way. */
const maxLeft = 500;

const ranges = { minute: 60_000, '10-minutes': 600_000, hour: historySpan.spanMs } as const;
type Range = keyof typeof ranges;
type Filter = 'all' | QualityState;
type Order = 'appearance' | 'worst' | 'name';

const rankOf: Readonly<Record<QualityState, number>> = { poor: 0, fair: 1, good: 2, unknown: 3 };

const orders: Readonly<Record<Order, (a: Row, b: Row) => number>> = {
  appearance: (a, b) => a.number - b.number,
  worst: (a, b) => rankOf[a.state] - rankOf[b.state] || (a.mosLqo ?? 6) - (b.mosLqo ?? 6) || a.number - b.number,
  name: (a, b) => a.name.localeCompare(b.name) || a.number - b.number,
};

/** The controls, and a row for every producer. Those on the screen are kept up to date, others now and then: but not their curves. */
export class Board {
  readonly element = element('div', { className: 'board' });
  readonly #body = element('tbody');
  readonly #empty = element('p', { className: 'empty' }, 'Nobody is heard yet.');
  readonly #rows = new Map<string, Row>();
  readonly #rowOfCanvas = new Map<Element, Row>();
  readonly #seen = new IntersectionObserver((entries) => this.#onSeen(entries), { rootMargin: '80px' });
  readonly #counts: ReadonlyMap<Filter, HTMLElement>;
  readonly #curveHeading = element('th', { scope: 'col', className: 'curve' });
  readonly #nameOf: (origin: ProducerOrigin) => string;
  #range: Range = 'minute';
  #filter: Filter = 'all';
  #order: Order = 'appearance';
  #search = '';
  #showLeft = false;
  /** Server's clock - ours, ms. */
  #clockOffsetMs = 0;
  #palette: Palette | undefined;
  #orderedMs = 0;
  #nextNumber = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(nameOf: (origin: ProducerOrigin) => string) {
    this.#nameOf = nameOf;
    const { element: filter, labels } = this.#filterChoice();
    this.#counts = labels;
    this.element.append(this.#controls(filter), this.#table(), this.#legend());
    this.#body.addEventListener('keydown', (event) => this.#onKey(event));
    this.#body.addEventListener('focusin', (event) => this.#onFocus(event.target));
    this.#setRange('minute');
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#tick(), tickMs);
    this.#tick();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  clear(): void {
    for (const row of this.#rows.values()) this.#remove(row);
    this.#arrange();
  }

  setHistory({ nowMs, producers }: HistoryReply): void {
    this.#clockOffsetMs = nowMs - Date.now();
    for (const { firstBucket, points, closedAtMs, ...origin } of producers) {
      const row = this.#rowOf(origin);
      row.setHistory({ firstBucket, bytes: Uint8Array.from(atob(points), (char) => char.charCodeAt(0)) }, nowMs);
      if (closedAtMs !== undefined) row.close(closedAtMs);
    }
    this.#arrange();
  }

  /** What holds now of these producers, in place of what was known of them; nothing is said of others. */
  setSnapshot({ time, producers }: MosSnapshotEvent): void {
    this.#clockOffsetMs = time - Date.now();
    for (const producer of producers) this.#rowOf(producer).setSnapshot(producer);
    this.#arrange();
  }

  handle(event: MosEvent): void {
    if (event.type === 'close') this.#rows.get(event.producerId)?.close(event.time);
    if (event.type === 'close' || event.type === 'report') return;
    const isNew = !this.#rows.has(event.producerId);
    const row = this.#rowOf(event);
    if (event.type === 'score' || event.type === 'noscore') row.setStatus(event);
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
    return Date.now() + this.#clockOffsetMs;
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
    row.draw({ fromMs: nowMs - ranges[this.#range], toMs: nowMs }, this.#palette);
  }

  #forgetLeft(nowMs: number): void {
    const left = [...this.#rows.values()].filter((row) => row.left);
    left.forEach((row, index) => {
      const tooOld = (row.closedAtMs ?? nowMs) < nowMs - historySpan.spanMs;
      if (tooOld || index < left.length - maxLeft) this.#remove(row);
    });
  }

  /** Filters, counts and orders. While somebody is in a row by keyboard, none changes its place. */
  #arrange(): void {
    this.#orderedMs = this.#nowMs;
    const rows = [...this.#rows.values()].filter((row) => this.#showLeft || !row.left);
    const counts = { all: rows.length, good: 0, fair: 0, poor: 0, unknown: 0 };
    for (const row of rows) counts[row.state]++;
    for (const [filter, label] of this.#counts) setText(label, `${filterText[filter]} ${counts[filter]}`);
    const shown = new Set(rows.filter((row) => this.#fits(row)));
    for (const row of this.#rows.values()) if (!shown.has(row)) row.remove();
    this.#empty.hidden = shown.size > 0;
    setText(this.#empty, rows.length === 0 ? 'Nobody is heard yet.' : 'Nobody fits what is searched for.');
    if (this.#focused !== undefined) {
      for (const row of shown) if (!row.element.isConnected) this.#body.append(row.element, row.details);
    } else {
      let place = this.#body.firstElementChild;
      for (const row of [...shown].sort(orders[this.#order])) {
        if (row.element === place) place = row.details.nextElementSibling;
        else this.#body.insertBefore(row.element, place).after(row.details);
      }
    }
    this.#keepOneTabStop([...shown]);
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
    return element(
      'div',
      { className: 'controls' },
      filter,
      range.element,
      element('label', {}, 'Order', order),
      search,
      element('label', {}, left, 'who left'),
    );
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
      entry('line', 'listening quality, MOS-LQO from 1 (bad) to 5 (excellent), with its interval (see details)'),
      entry('dashed', 'what packets alone would give: MOS-CQE of the E-model'),
      entry('hatched', 'no score, and why'),
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
const orderText: Readonly<Record<Order, string>> = { appearance: 'first come', worst: 'worst first', name: 'name' };
