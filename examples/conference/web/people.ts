import type { Participant } from '../src/protocol.ts';

export interface PersonContext {
  own: boolean;
  listening: boolean;
  canListen: boolean;
}

/** Everybody in the room, with a button to listen to each. Only what changed is touched, so that the focus stays. */
export class People {
  readonly #list: HTMLElement;
  readonly #onListen: (participantId: string) => void;
  readonly #buttons = new Map<string, HTMLButtonElement>();

  constructor(list: HTMLElement, onListen: (participantId: string) => void) {
    this.#list = list;
    this.#onListen = onListen;
  }

  show(participants: readonly Participant[], contextOf: (participantId: string) => PersonContext): void {
    const present = new Set(participants.map(({ participantId }) => participantId));
    for (const [participantId, button] of this.#buttons) {
      if (present.has(participantId)) continue;
      button.parentElement?.remove();
      this.#buttons.delete(participantId);
    }
    for (const participant of participants) {
      const { participantId } = participant;
      const button = this.#buttons.get(participantId) ?? this.#add(participantId);
      showButton(button, participant, contextOf(participantId));
    }
  }

  #add(participantId: string): HTMLButtonElement {
    const button = document.createElement('button');
    button.type = 'button';
    button.addEventListener('click', () => this.#onListen(participantId));
    const item = document.createElement('li');
    item.append(button);
    this.#list.append(item);
    this.#buttons.set(participantId, button);
    return button;
  }
}

function showButton(button: HTMLButtonElement, { name, muted, sending }: Participant, context: PersonContext): void {
  const { own, listening, canListen } = context;
  const what = own ? 'you' : !sending ? 'no audio' : muted ? 'muted' : listening ? 'listening' : 'listen';
  button.textContent = `${name} (${what})`;
  button.disabled = own || !sending || !canListen;
  button.title = own || canListen ? '' : 'Join first';
  button.setAttribute('aria-pressed', String(listening));
  button.setAttribute('aria-label', own ? `${name} (you)` : `Listen to ${name}`);
}
