import type { types } from 'mediasoup';
import type { Scorer, ScorerEndpoint } from '../../src/index.ts';

/** The way from one router to one socket of the scorer. */
export interface TapLink {
  readonly endpoint: ScorerEndpoint;
  readonly transport: types.PlainTransport;
  /** Set when the scorer had to leave this endpoint: where its taps have to go. The transport is closed then. */
  successor?: ScorerEndpoint;
}

/** So many taps share an endpoint before the scorer is asked for its least loaded one again. */
const tapsPerEndpoint = 50;

/** How a socket bound to every address is reached on its own host. */
const loopbackOf = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

/** The PlainTransports of one router: one for each endpoint of the scorer that it uses, opened on first use. */
export class TapLinks {
  readonly #router: types.Router;
  readonly #scorer: Scorer;
  readonly #links = new Map<string, Promise<TapLink>>();
  /** Where endpoints that the scorer left went. No chain of them has an end that is left too. */
  readonly #moved = new Map<string, ScorerEndpoint>();
  #current: { endpoint: ScorerEndpoint; taps: number } | undefined;
  #closed = false;

  constructor(router: types.Router, scorer: Scorer) {
    this.#router = router;
    this.#scorer = scorer;
  }

  /** A link for a new tap. */
  async acquire(): Promise<TapLink> {
    if (this.#current === undefined || this.#current.taps >= tapsPerEndpoint) {
      this.#current = { endpoint: this.#scorer.reserveEndpoint(), taps: 0 };
    }
    const current = this.#current;
    current.taps += 1;
    return this.to(current.endpoint);
  }

  /** The link to this endpoint, or to what replaced it by now. A link that could not be opened, or was closed, is opened again for the next caller. */
  to(wanted: ScorerEndpoint): Promise<TapLink> {
    let endpoint = wanted;
    for (let next = this.#moved.get(keyOf(endpoint)); next !== undefined; next = this.#moved.get(keyOf(endpoint))) {
      endpoint = next;
    }
    const existing = this.#links.get(endpoint.id);
    if (existing !== undefined) return existing;
    const link = this.#open(endpoint);
    const forget = () => {
      if (this.#links.get(endpoint.id) === link) this.#links.delete(endpoint.id);
    };
    this.#links.set(endpoint.id, link);
    link.then(({ transport }) => (transport.closed ? forget() : transport.observer.once('close', forget)), forget);
    return link;
  }

  /** The scorer no longer receives at `from`: marks the link there, if any, and closes it. */
  async retire(from: ScorerEndpoint, to: ScorerEndpoint): Promise<void> {
    this.#moved.set(keyOf(from), to);
    this.#moved.delete(keyOf(to));
    if (this.#current?.endpoint.id === from.id) this.#current.endpoint = to;
    const retiring = this.#links.get(from.id);
    if (retiring === undefined) return;
    this.#links.delete(from.id);
    const link = await retiring.catch(() => undefined);
    if (link === undefined) return;
    link.successor = to;
    link.transport.close();
  }

  close(): void {
    this.#closed = true;
    for (const link of this.#links.values()) {
      link.then(({ transport }) => transport.close()).catch(() => {});
    }
    this.#links.clear();
  }

  async #open(endpoint: ScorerEndpoint): Promise<TapLink> {
    // The scorer is on this host: what it listens on is an address of ours, or stands for all of them.
    const ip = loopbackOf.get(endpoint.address) ?? endpoint.address;
    const transport = await this.#router.createPlainTransport({
      listenInfo: { protocol: 'udp', ip },
      rtcpMux: true,
      comedia: false,
      appData: { mediasoupMos: true },
    });
    try {
      await transport.connect({ ip, port: endpoint.port });
    } catch (error) {
      transport.close();
      throw error;
    }
    if (this.#closed) transport.close();
    return { endpoint, transport };
  }
}

const keyOf = ({ id, address, port }: ScorerEndpoint): string => `${id} ${address} ${port}`;
