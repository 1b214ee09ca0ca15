import type { MosStatusEvent } from '../../../plugin/events.ts';
import type { Participant } from '../src/protocol.ts';
import { intervalText, jitterText, lossText, modelText, mosText, qualityState, reasonText } from '../src/wording.ts';
import { Curve } from './curve.ts';
import { History } from './history.ts';

const historyMs = 60_000;

const element = <K extends keyof HTMLElementTagNameMap>(
  name: K,
  { className = '', text = '' }: { className?: string; text?: string } = {},
  ...children: Node[]
): HTMLElementTagNameMap[K] => {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  made.append(...children);
  return made;
};

const setText = (node: HTMLElement, text: string): void => {
  if (node.textContent !== text) node.textContent = text;
};

/** One participant's row. Only what changed is touched, so that the focus stays where it is. */
class Row {
  readonly element = element('tr');
  readonly listenButton = element('button', { className: 'listen', text: 'Listen' });
  readonly #name = element('span', { className: 'name' });
  readonly #own = element('span', { className: 'tag', text: 'you' });
  readonly #mos = element('span', { className: 'mos' });
  readonly #interval = element('span', { className: 'interval' });
  readonly #state = element('span', { className: 'state' });
  readonly #reason = element('span', { className: 'reason-text' });
  readonly #loss = element('td', { className: 'number' });
  readonly #jitter = element('td', { className: 'number' });
  readonly #model = element('td', { className: 'model' });
  readonly #curve = new Curve();
  readonly #history = new History(historyMs);
  #event: MosStatusEvent | undefined;

  constructor(onListen: () => void) {
    this.listenButton.type = 'button';
    this.listenButton.addEventListener('click', onListen);
    const name = element('th', {}, element('div', { className: 'who' }, this.#name, this.#own, this.listenButton));
    name.scope = 'row';
    const cell = (label: string, ...children: Node[]) => {
      const made = element('td', {}, ...children);
      made.dataset.label = label;
      return made;
    };
    this.#loss.dataset.label = 'Loss';
    this.#jitter.dataset.label = 'Jitter';
    this.#model.dataset.label = 'Model';
    const mos = cell('MOS', this.#mos, this.#interval);
    const state = cell('State', this.#state, this.#reason);
    const curve = cell('Last minute', this.#curve.element);
    mos.classList.add('mos-cell');
    state.classList.add('state-cell');
    curve.classList.add('curve-cell');
    this.element.append(name, mos, state, curve, this.#loss, this.#jitter, this.#model);
  }

  show(participant: Participant, { own, listening, canListen }: RowContext): void {
    const { participantId, name, sending } = participant;
    this.element.dataset.participantId = participantId;
    setText(this.#name, name);
    this.#own.hidden = !own;
    this.listenButton.hidden = own || !sending;
    this.listenButton.disabled = !canListen;
    this.listenButton.title = canListen ? '' : 'Join first';
    this.listenButton.setAttribute('aria-pressed', String(listening));
    this.listenButton.setAttribute('aria-label', `Listen to ${name}`);
    setText(this.listenButton, listening ? 'Listening' : 'Listen');
    if (!sending) this.#event = undefined;
    this.#showEvent(sending);
  }

  update(event: MosStatusEvent): void {
    this.#event = event;
    const atMs = Date.now();
    if (event.type === 'score') this.#history.addScore({ atMs, mosLqo: event.mosLqo, ...event.interval });
    else this.#history.addNoScore(atMs, event.reason);
    this.#showEvent(true);
    this.draw(atMs);
  }

  draw(nowMs: number): void {
    this.#curve.draw(this.#history, nowMs);
  }

  #showEvent(sending: boolean): void {
    const event = this.#event;
    const state = event?.type === 'score' ? qualityState(event.mosLqo) : 'unknown';
    this.element.dataset.state = state;
    setText(this.#state, state === 'unknown' ? 'no score' : state);
    setText(this.#mos, event?.type === 'score' ? mosText(event) : '–');
    setText(this.#interval, event?.type === 'score' ? intervalText(event) : '');
    this.#interval.title = event?.type === 'score' ? `${100 * event.interval.coverage} % interval` : '';
    if (event === undefined) setText(this.#reason, sending ? 'nothing heard yet' : 'sends no audio');
    else setText(this.#reason, event.type === 'noscore' ? reasonText[event.reason] : '');
    setText(this.#loss, event ? lossText(event) : '–');
    setText(this.#jitter, event ? jitterText(event) : '–');
    setText(this.#model, event ? modelText(event) : '–');
  }
}

interface RowContext {
  own: boolean;
  listening: boolean;
  canListen: boolean;
}

/** The table's rows, in the order of the participants. */
export class Rows {
  readonly #body: HTMLElement;
  readonly #rows = new Map<string, Row>();
  readonly #onListen: (participantId: string) => void;

  constructor(body: HTMLElement, onListen: (participantId: string) => void) {
    this.#body = body;
    this.#onListen = onListen;
    setInterval(() => {
      if (document.hidden) return;
      for (const row of this.#rows.values()) row.draw(Date.now());
    }, 500);
  }

  show(participants: readonly Participant[], contextOf: (participantId: string) => RowContext): void {
    const present = new Set(participants.map(({ participantId }) => participantId));
    for (const [participantId, row] of this.#rows) {
      if (present.has(participantId)) continue;
      row.element.remove();
      this.#rows.delete(participantId);
    }
    participants.forEach((participant, index) => {
      const { participantId } = participant;
      const row = this.#rows.get(participantId) ?? new Row(() => this.#onListen(participantId));
      this.#rows.set(participantId, row);
      row.show(participant, contextOf(participantId));
      if (this.#body.children[index] !== row.element) {
        this.#body.insertBefore(row.element, this.#body.children[index] ?? null);
      }
    });
  }

  update(event: MosStatusEvent): void {
    if (event.participantId !== undefined) this.#rows.get(event.participantId)?.update(event);
  }
}
