import type { MosEvent, MosSnapshotEvent, ProducerOrigin } from '../../feeds/events.ts';
import type { MosSubscription } from '../../feeds/feed-contract.ts';
import { Board } from './board.ts';
import { element, setText } from './dom.ts';
import { openFeed } from './feed.ts';
import palette from './palette.css?text';
import style from './style.css?text';

/** What says whom to listen to and how; a change of one connects anew. */
const feedAttributes = ['router-id', 'producer-id', 'participant-id', 'token', 'server', 'namespace', 'path'] as const;

const sheet = new CSSStyleSheet();
sheet.replaceSync(palette + style);

/**
 * `<mos-dashboard>`: how everybody of a subscription sounds, live and for the last hour.
 *
 * - `router-id`, `producer-id` or `participant-id` (one of them): whom to show
 * - `token`: given to the feed as `auth.token`, and to the history as `Authorization: Bearer`
 * - `server`, `namespace`, `path`: of socket.io. Default: where this script came from, '/mos', '/socket.io/'
 * - `from-fragment`: takes all of these from the address's fragment, `#router-id=...&token=...`
 * - `theme`: 'light' or 'dark'. Default: what the reader's system prefers
 *
 * Every event is dispatched as `mosevent` and every snapshot as `mossnapshot` (`CustomEvent`, in `detail`).
 */
export class MosDashboardElement extends HTMLElement {
  static readonly observedAttributes = feedAttributes;
  readonly #board = new Board((origin) => this.#nameOf(origin));
  readonly #status = element('p', { className: 'status', role: 'status' });
  #feed: { close(): void } | undefined;
  #names: ReadonlyMap<string, string> = new Map();
  #opening = false;

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [sheet];
    root.append(this.#status, this.#board.element);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#board.repaint());
  }

  /** What participants are called, by their id. Default: their ids, or the producers' where they have none. */
  get names(): ReadonlyMap<string, string> {
    return this.#names;
  }

  set names(names: ReadonlyMap<string, string>) {
    this.#names = names;
    this.#board.rename();
  }

  connectedCallback(): void {
    if (this.hasAttribute('from-fragment')) {
      this.#takeFragment();
      addEventListener('hashchange', this.#takeFragment);
    }
    this.#board.start();
    this.#open();
  }

  disconnectedCallback(): void {
    removeEventListener('hashchange', this.#takeFragment);
    this.#board.stop();
    this.#close();
  }

  attributeChangedCallback(): void {
    if (this.isConnected) this.#open();
  }

  readonly #takeFragment = () => {
    const given = new URLSearchParams(location.hash.slice(1));
    for (const name of [...feedAttributes, 'theme']) {
      const value = given.get(name);
      if (value === null) this.removeAttribute(name);
      else this.setAttribute(name, value);
    }
  };

  /** Once for all attributes that change together. */
  #open(): void {
    if (this.#opening) return;
    this.#opening = true;
    queueMicrotask(() => {
      this.#opening = false;
      this.#close();
      this.#board.clear();
      if (this.isConnected) this.#connect();
    });
  }

  #connect(): void {
    const subscription = this.#subscription();
    if (subscription === undefined) {
      this.#show('refused', 'whom to show? Give one of router-id, producer-id, participant-id');
      return;
    }
    const server = this.getAttribute('server') ?? new URL(import.meta.url).origin;
    this.#feed = openFeed(
      {
        url: new URL(this.getAttribute('namespace') ?? '/mos', server).href,
        path: this.getAttribute('path') ?? '/socket.io/',
        historyUrl: new URL('./history', import.meta.url),
        token: this.getAttribute('token') ?? undefined,
        subscription,
      },
      {
        onStatus: (status, text) => this.#show(status, text),
        onHistory: (reply) => this.#board.setHistory(reply),
        onSnapshot: (event) => {
          this.#board.setSnapshot(event);
          this.dispatchEvent(new CustomEvent<MosSnapshotEvent>('mossnapshot', { detail: event }));
        },
        onEvent: (event) => {
          this.#board.handle(event);
          this.dispatchEvent(new CustomEvent<MosEvent>('mosevent', { detail: event }));
        },
      },
    );
  }

  #close(): void {
    this.#feed?.close();
    this.#feed = undefined;
  }

  #subscription(): MosSubscription | undefined {
    const [routerId, producerId, participantId] = feedAttributes.slice(0, 3).map((name) => this.getAttribute(name));
    if (routerId) return { routerId };
    if (producerId) return { producerId };
    return participantId ? { participantId } : undefined;
  }

  #show(status: string, text: string): void {
    this.#status.dataset.status = status;
    setText(this.#status, text);
  }

  #nameOf({ participantId, producerId }: ProducerOrigin): string {
    return this.#names.get(participantId ?? '') ?? participantId ?? producerId;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'mos-dashboard': MosDashboardElement;
  }
  interface HTMLElementEventMap {
    mosevent: CustomEvent<MosEvent>;
    mossnapshot: CustomEvent<MosSnapshotEvent>;
  }
}

if (customElements.get('mos-dashboard') === undefined) customElements.define('mos-dashboard', MosDashboardElement);
