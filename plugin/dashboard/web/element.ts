import type { MosEvent, MosSnapshotEvent, ProducerOrigin } from '../../feeds/events.ts';
import type { MosSubscription } from '../../feeds/feed-contract.ts';
import { Board } from './board.ts';
import { element, setText } from './dom.ts';
import { openFeed, readRouters } from './feed.ts';
import palette from './palette.css?text';
import style from './style.css?text';

/** Attributes of the connection; a change of one connects again. */
const feedAttributes = ['router-id', 'producer-id', 'participant-id', 'token', 'server', 'namespace', 'path'] as const;

const sheet = new CSSStyleSheet();
sheet.replaceSync(palette + style);

/**
 * `<mos-dashboard>`: how everybody of a subscription sounds, live and for the last hour.
 *
 * - `router-id`, `producer-id` or `participant-id` (one of them): whom to show. Default: the router that the server observes,
 *   where it is the only one
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
  /** Links to choose from, where the server observes several routers. */
  readonly #routers = element('ul', { className: 'routers', hidden: true });
  #feed: { close(): void } | undefined;
  #connections = 0;
  #names: ReadonlyMap<string, string> = new Map();
  #opening = false;

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [sheet];
    root.append(this.#status, this.#routers, this.#board.element);
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
      this.#connections++;
      this.#routers.hidden = true;
      if (this.isConnected) void this.#connect(this.#connections);
    });
  }

  /** `connection`: number of this attempt; a later one replaces it. */
  async #connect(connection: number): Promise<void> {
    const subscription = this.#subscription() ?? (await this.#onlyRouter(connection));
    if (subscription === undefined || connection !== this.#connections) return;
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
        onStatus: (status, text) => {
          this.#show(status, text);
          if (text === 'live') void this.#checkRouter(subscription, connection);
        },
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

  /** The router to show where none is given: the only one. Otherwise shows which there are. */
  async #onlyRouter(connection: number): Promise<MosSubscription | undefined> {
    const whom = 'Give one of router-id, producer-id, participant-id';
    try {
      const routerIds = await this.#readRouters();
      if (connection !== this.#connections) return undefined;
      const [routerId] = routerIds;
      if (routerId !== undefined && routerIds.length === 1) return { routerId };
      this.#show(
        'refused',
        routerIds.length === 0 ? `no router is observed here yet. ${whom}` : `which router? ${whom}`,
      );
      this.#routers.replaceChildren(
        ...routerIds.map((id) => element('li', {}, element('a', { href: this.#fragmentFor(id) }, id))),
      );
      this.#routers.hidden = routerIds.length === 0 || !this.hasAttribute('from-fragment');
    } catch (error) {
      if (connection === this.#connections) this.#show('refused', `${(error as Error).message}. ${whom}`);
    }
    return undefined;
  }

  /** An id that is not among the server's is reported, as no event will come unless another node observes it. */
  async #checkRouter({ routerId }: MosSubscription, connection: number): Promise<void> {
    if (routerId === undefined) return;
    const known = await this.#readRouters().catch(() => undefined);
    if (known === undefined || known.includes(routerId) || connection !== this.#connections) return;
    this.#show('live', `live, but this server observes no router '${routerId}'`);
  }

  #readRouters(): Promise<readonly string[]> {
    return readRouters(new URL('./routers', import.meta.url), this.getAttribute('token') ?? undefined);
  }

  #fragmentFor(routerId: string): string {
    const fragment = new URLSearchParams(location.hash.slice(1));
    fragment.set('router-id', routerId);
    return `#${fragment}`;
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
