import type { Cause, QualityState } from '../../../src/events.ts';
import type {
  MosStatusEvent,
  MosWarningClearedEvent,
  MosWarningEvent,
  ProducerOrigin,
  ProducerSnapshot,
} from '../../feeds/events.ts';
import type { CsvSource } from '../csv.ts';
import { History, type HistoryPart, type PackedHistory } from '../history.ts';
import { historySpan } from '../history-reply.ts';
import { clockText } from '../time-axis.ts';
import {
  burstText,
  causeText,
  durationText,
  intervalText,
  jitterText,
  limitText,
  lossText,
  modelText,
  mosText,
  networkMosText,
  percentText,
  reasonText,
  warningWords,
} from '../wording.ts';
import { type CurveRange, drawCurve, type Palette, timeAt } from './curve.ts';
import { element, setText } from './dom.ts';
import { describeParts } from './summary.ts';

/** For the curve of a minute. */
const fineSpan = { bucketMs: 1000, spanMs: 62_000 } as const;
/** A cause that is as likely as this is named next to the score. */
const namedFrom = 0.5;
/** A long span is not drawn more often than this. */
const redrawMs = 5000;

const cell = (label: string, className: string, ...children: Node[]): HTMLTableCellElement => {
  const made = element('td', { className }, ...children);
  made.dataset.label = label;
  return made;
};

/** One producer's row, and below it the one with the details. Only what changed is touched, so that the focus stays. */
export class Row {
  readonly element = element('tr', { className: 'producer' });
  readonly details = element('tr', { className: 'details', hidden: true });
  /** Opens and closes the details. */
  readonly toggle = element('button', { type: 'button', className: 'name', tabIndex: -1 });
  readonly canvas = element('canvas');
  /** In order of appearance. */
  readonly number: number;
  /** Whether it is on the screen. */
  visible = false;
  readonly #mos = element('span', { className: 'mos' });
  readonly #interval = element('span', { className: 'quiet' });
  readonly #state = element('span', { className: 'state' });
  readonly #why = element('span', { className: 'quiet' });
  readonly #networkMos = element('span', { className: 'network-mos' });
  readonly #network = element('span', { className: 'quiet' });
  readonly #facts = element('dl');
  readonly #coarse = new History(historySpan);
  #fine = new History(fineSpan);
  readonly #warnings = new Map<MosWarningEvent['name'], MosWarningEvent>();
  #origin: ProducerOrigin;
  #state_: QualityState = 'unknown';
  #status: MosStatusEvent | undefined;
  #closedAtMs: number | undefined;
  #changed = true;
  #drawnMs = Number.NEGATIVE_INFINITY;
  #drawnRange: CurveRange | undefined;

  constructor(number: number, origin: ProducerOrigin) {
    this.number = number;
    this.#origin = origin;
    this.details.id = `details-${number}`;
    this.toggle.setAttribute('aria-controls', this.details.id);
    this.toggle.setAttribute('aria-expanded', 'false');
    this.toggle.addEventListener('click', () => this.#setOpen(this.details.hidden === true));
    this.element.dataset.producerId = origin.producerId;
    this.element.append(
      element('th', { scope: 'row' }, this.toggle),
      cell('Quality', 'quality', this.#mos, this.#interval),
      cell('State', 'state-cell', this.#state, this.#why),
      cell('Network', 'network', this.#networkMos, this.#network),
      cell('', 'curve', this.canvas),
    );
    this.details.append(element('td', { colSpan: 5 }, this.#facts));
  }

  get origin(): ProducerOrigin {
    return this.#origin;
  }

  get participantId(): string | undefined {
    return this.#origin.participantId;
  }

  get producerId(): string {
    return this.#origin.producerId;
  }

  get name(): string {
    return this.toggle.textContent;
  }

  set name(name: string) {
    setText(this.toggle, name);
  }

  get state(): QualityState {
    return this.left ? 'unknown' : this.#state_;
  }

  /** The newest score, MOS; undefined while there is none. */
  get mosLqo(): number | undefined {
    return !this.left && this.#status?.type === 'score' ? this.#status.mosLqo : undefined;
  }

  /** Whether it has ended. */
  get left(): boolean {
    return this.#closedAtMs !== undefined;
  }

  /** Unix ms of the server's clock; undefined while it is there. */
  get closedAtMs(): number | undefined {
    return this.#closedAtMs;
  }

  /** The application has named the participant. */
  setOrigin({ producerId, routerId, participantId }: ProducerOrigin): void {
    this.#origin = { producerId, routerId, ...(participantId === undefined ? {} : { participantId }) };
    this.#touch();
  }

  /** What the server remembers, in place of what was known. */
  setHistory(packed: PackedHistory, nowMs: number): void {
    this.#coarse.unpack(packed);
    this.#fine = new History(fineSpan);
    const fineFromMs = nowMs - fineSpan.spanMs;
    for (const part of this.#coarse.parts(fineFromMs, nowMs)) {
      if (part.type === 'noscore') this.#fine.addNoScore(Math.max(part.fromMs, fineFromMs), part.reason);
      else for (const point of part.points) this.#fine.addScore(point);
    }
    this.#touch();
  }

  setSnapshot({ state, status, warnings }: ProducerSnapshot): void {
    this.#state_ = state;
    this.#warnings.clear();
    for (const warning of warnings) this.#warnings.set(warning.name, warning);
    this.#status = undefined;
    this.#closedAtMs = undefined;
    if (status !== undefined) this.setStatus(status);
    this.#touch();
  }

  setStatus(event: MosStatusEvent): void {
    this.#status = event;
    for (const history of [this.#coarse, this.#fine]) {
      if (event.type === 'noscore') history.addNoScore(event.time, event.reason);
      else {
        const { mosLqo, interval, network } = event;
        const { lower, upper } = interval;
        history.addScore({ atMs: event.time, mosLqo, lower, upper, mosCqe: network.mosCqe });
      }
    }
    this.#touch();
  }

  setState(state: QualityState): void {
    this.#state_ = state;
    this.#touch();
  }

  setWarning(event: MosWarningEvent | MosWarningClearedEvent): void {
    if (event.type === 'warning') this.#warnings.set(event.name, event);
    else this.#warnings.delete(event.name);
    this.#touch();
  }

  close(atMs: number): void {
    this.#closedAtMs = atMs;
    this.#warnings.clear();
    this.#touch();
  }

  /** Puts what changed into the document. */
  render(nowMs: number): void {
    if (!this.details.hidden) this.#renderFacts(nowMs);
    if (!this.#changed) return;
    this.#changed = false;
    const { state, left, participantId } = this;
    const status = left ? undefined : this.#status;
    const score = status?.type === 'score' ? status : undefined;
    this.element.dataset.state = state;
    if (participantId !== undefined) this.element.dataset.participantId = participantId;
    setText(this.#state, left ? 'left' : status?.type === 'noscore' && state === 'unknown' ? 'no score' : state);
    setText(this.#why, left ? '' : this.#whyText(status));
    setText(this.#mos, score ? mosText(score) : '–');
    setText(this.#interval, score ? intervalText(score) : '');
    this.#interval.title = score ? `a panel's MOS lies inside in ${percentText(score.interval.coverage)} of cases` : '';
    this.#why.title = score?.limitedBy ? limitText[score.limitedBy] : '';
    setText(this.#networkMos, status ? `E-model ${networkMosText(status)}` : '–');
    setText(this.#network, status ? `${lossText(status)} lost, jitter ${jitterText(status)}` : '');
  }

  /** Draws the curve, unless nothing moved since it was drawn. An image to assistive technology from the first time on. */
  draw(range: CurveRange, palette: Palette): void {
    const spanMs = range.toMs - range.fromMs;
    const pixelMs = spanMs / Math.max(1, this.canvas.clientWidth);
    if (range.toMs - this.#drawnMs < Math.min(pixelMs, redrawMs)) return;
    this.#drawnMs = range.toMs;
    this.#drawnRange = range;
    const parts = this.#parts(range);
    drawCurve(this.canvas, parts, range, palette);
    this.canvas.setAttribute('role', 'img');
    this.canvas.setAttribute('aria-label', `Last ${durationText(spanMs)}: ${describeParts(parts, range)}`);
  }

  /** The curve at a place, in words; undefined outside of it. `offsetX`: from the canvas's left edge, CSS pixels. */
  describeAt(offsetX: number): string | undefined {
    const range = this.#drawnRange;
    if (range === undefined) return undefined;
    const atMs = timeAt(this.canvas, offsetX, range);
    const part = this.#parts(range).find(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs);
    if (part === undefined) return undefined;
    const time = clockText(atMs, true);
    if (part.type === 'noscore') return `${time}  no score: ${reasonText[part.reason]}`;
    const distance = (point: { atMs: number }) => Math.abs(point.atMs - atMs);
    const point = part.points.reduce((best, each) => (distance(each) < distance(best) ? each : best));
    const [mosLqo, lower, upper, mosCqe] = [point.mosLqo, point.lower, point.upper, point.mosCqe].map((mos) =>
      mos.toFixed(1),
    );
    return `${time}  score ${mosLqo} (${lower} to ${upper}), E-model ${mosCqe}`;
  }

  /** What the curve shows, for export. */
  export(range: CurveRange): CsvSource {
    return { name: this.name, producerId: this.producerId, parts: this.#parts(range) };
  }

  /** Open warnings, then causes that the model names, in words. */
  get troubles(): string[] {
    const causes = !this.left && this.#status?.type === 'score' ? likelyCauses(this.#status.causes) : [];
    const warnings = [...this.#warnings.values()].filter(({ name }) => name !== 'low-mos').map(warningWords);
    return [...new Set([...warnings, ...causes])];
  }

  /** The next `draw` draws, whatever was drawn before. */
  invalidate(): void {
    this.#drawnMs = Number.NEGATIVE_INFINITY;
  }

  /** Gives back the memory of a canvas that is out of sight. */
  release(): void {
    this.canvas.width = 0;
    this.invalidate();
  }

  remove(): void {
    this.element.remove();
    this.details.remove();
  }

  #parts({ fromMs, toMs }: CurveRange): HistoryPart[] {
    const history = toMs - fromMs < fineSpan.spanMs ? this.#fine : this.#coarse;
    return history.parts(fromMs, Math.min(toMs, this.#closedAtMs ?? toMs));
  }

  #touch(): void {
    this.#changed = true;
    this.invalidate();
  }

  #setOpen(open: boolean): void {
    this.details.hidden = !open;
    this.toggle.setAttribute('aria-expanded', String(open));
  }

  /** Why there is no score; else what is wrong: warnings first, then causes that the model names and no warning does. */
  #whyText(status: MosStatusEvent | undefined): string {
    const warnings = [...this.#warnings.values()].map(warningWords);
    if (status === undefined) return 'no packets yet';
    const others = status.type === 'noscore' ? [reasonText[status.reason]] : likelyCauses(status.causes);
    return [
      ...new Set([...warnings.map((text) => `⚠ ${text}`), ...others.filter((text) => !warnings.includes(text))]),
    ].join(', ');
  }

  #renderFacts(nowMs: number): void {
    const range = { fromMs: nowMs - historySpan.spanMs, toMs: this.#closedAtMs ?? nowMs };
    const facts = [
      ...statusFacts(this.#status, nowMs),
      ...[...this.#warnings.values()].map((warning) => warningFact(warning, nowMs)),
      ['Last hour', describeParts(this.#coarse.parts(range.fromMs, range.toMs), range)] as const,
      ['Producer', this.producerId] as const,
    ];
    this.#facts.replaceChildren(...facts.flatMap(([term, text]) => [element('dt', {}, term), element('dd', {}, text)]));
  }
}

const likelyCauses = (causes: Partial<Record<Cause, number>> = {}): string[] =>
  causeEntries(causes)
    .filter(([, probability]) => probability >= namedFrom)
    .map(([cause]) => causeText[cause]);

const causeEntries = (causes: Partial<Record<Cause, number>>): [Cause, number][] =>
  (Object.entries(causes) as [Cause, number][]).sort(([, a], [, b]) => b - a);

type Fact = readonly [term: string, text: string];

function statusFacts(status: MosStatusEvent | undefined, nowMs: number): Fact[] {
  if (status === undefined) return [];
  const network: Fact[] = [
    [
      'Packets',
      [`${lossText(status)} lost`, burstText(status), `jitter ${jitterText(status)}`].filter(Boolean).join(', '),
    ],
    ['Model', modelText(status)],
  ];
  if (status.type === 'noscore') {
    return [['No score', `${reasonText[status.reason]}, for ${durationText(nowMs - status.since)}`], ...network];
  }
  const { interval, speechMs, causes = {}, signal, limitedBy = 'none' } = status;
  const facts: Fact[] = [
    ...(limitedBy === 'none' ? [] : [['Limited by', limitText[limitedBy]] as const]),
    [
      'Interval',
      `a panel of listeners would rate between ${intervalText(status).replace(' to ', ' and ')} (${percentText(interval.coverage)})`,
    ],
    ['Speech', `${(speechMs / 1000).toFixed(1)} s in the scored window`],
  ];
  const named = causeEntries(causes).map(([cause, p]) => `${causeText[cause]} ${(100 * p).toFixed(0)} %`);
  if (named.length > 0) facts.push(['Causes', named.join(', ')]);
  if (signal !== undefined) facts.push(['Level', `${signal.levelDbov.toFixed(0)} dBov`]);
  return [...facts, ...network];
}

const warningFact = ({ name, quantity, value, threshold, time }: MosWarningEvent, nowMs: number): Fact => [
  'Warning',
  `${warningWords({ name, value, threshold })} for ${durationText(nowMs - time)}: ${quantity} ${value.toPrecision(3)}, limit ${threshold}`,
];
