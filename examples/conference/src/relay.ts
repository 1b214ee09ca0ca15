import { createSocket, type Socket, type SocketType } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { Impairment, type ImpairmentOptions } from './impairment.ts';

export interface RelayOptions {
  /** Where the relay sends what clients send to it: the media server's UDP candidate. */
  target: { address: string; port: number };
  /** Where the relay itself listens. Default: the target's address. */
  address?: string;
  /** What happens to media from client to server. Default: nothing. */
  uplink?: ImpairmentOptions;
  /** What happens to media from server to client. Default: nothing. */
  downlink?: ImpairmentOptions;
  /** A client is one source address and port; the one unheard for longest makes way for another. Default 8. */
  maxClients?: number;
  /** Packets held back at one time; more are dropped and counted. Default 1024. */
  maxHeld?: number;
}

export interface RelayDirectionStats {
  /** Datagrams that came, media and others. */
  received: number;
  /** Media packets among them. */
  media: number;
  /** Media packets dropped on purpose. */
  lost: number;
  /** Dropped because too many were held back. */
  overflow: number;
}

/** The part of an ICE candidate that the relay stands in for. */
export interface UdpCandidate {
  protocol: string;
  ip: string;
  address: string;
  port: number;
}

interface Client {
  readonly address: string;
  readonly port: number;
  /** Speaks to the target for this client, so that the target sees one source per client. */
  readonly upstream: Socket;
  closed: boolean;
}

interface Held {
  readonly departureMs: number;
  readonly send: () => void;
}

const socketType = (address: string): SocketType => (isIPv6(address) ? 'udp6' : 'udp4');

/** RTP, and neither STUN nor DTLS (RFC 7983 §7) nor RTCP (RFC 5761 §4). */
export const isMedia = (packet: Uint8Array): boolean => {
  const [first, second] = packet;
  if (first === undefined || second === undefined) return false;
  return first >= 128 && first <= 191 && !(second >= 192 && second <= 223);
};

/**
 * A UDP relay between WebRTC clients and a media server that treats media as a bad network would, and leaves the
 * connection's own packets (STUN, DTLS, RTCP) alone. ICE does not mind: a client is told the relay's port instead of the server's.
 */
export class Relay {
  readonly address: string;
  readonly port: number;
  readonly #socket: Socket;
  readonly #target: { address: string; port: number };
  #uplink: Impairment;
  readonly #downlink: Impairment;
  readonly #maxClients: number;
  readonly #maxHeld: number;
  /** By 'address port', least recently heard first. */
  readonly #clients = new Map<string, Client>();
  /** By time of departure. */
  readonly #held: Held[] = [];
  #timer: NodeJS.Timeout | undefined;
  readonly #stats = {
    uplink: { received: 0, media: 0, lost: 0, overflow: 0 } as RelayDirectionStats,
    downlink: { received: 0, media: 0, lost: 0, overflow: 0 } as RelayDirectionStats,
    evictedClients: 0,
    socketErrors: 0,
  };
  #closed = false;

  static async create(options: RelayOptions): Promise<Relay> {
    const { target, address = target.address, uplink, downlink, maxClients = 8, maxHeld = 1024, ...unknown } = options;
    const [unknownName] = Object.keys(unknown);
    if (unknownName !== undefined) throw new TypeError(`unknown relay option: ${unknownName}`);
    for (const [name, value] of Object.entries({ maxClients, maxHeld })) {
      if (!Number.isInteger(value) || value < 1) throw new RangeError(`${name} must be an integer from 1: ${value}`);
    }
    const impairments = { uplink: new Impairment(uplink), downlink: new Impairment(downlink) };
    const socket = createSocket(socketType(address));
    socket.bind(0, address);
    await once(socket, 'listening');
    return new Relay(socket, { target, maxClients, maxHeld, ...impairments });
  }

  private constructor(
    socket: Socket,
    options: {
      target: { address: string; port: number };
      uplink: Impairment;
      downlink: Impairment;
      maxClients: number;
      maxHeld: number;
    },
  ) {
    ({ address: this.address, port: this.port } = socket.address());
    this.#socket = socket;
    this.#target = options.target;
    this.#uplink = options.uplink;
    this.#downlink = options.downlink;
    this.#maxClients = options.maxClients;
    this.#maxHeld = options.maxHeld;
    socket.on('error', () => this.#stats.socketErrors++);
    socket.on('message', (packet, source) => this.#fromClient(packet, source.address, source.port));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** From the next packet on, this happens to media from client to server. */
  setUplink(options: ImpairmentOptions): void {
    this.#uplink = new Impairment(options);
  }

  /** The candidates to give to a client: the target's with the relay in its place; others would go past the relay. */
  rewrite<C extends UdpCandidate>(candidates: readonly C[]): C[] {
    const through = candidates.filter(
      ({ protocol, address, port }) =>
        protocol === 'udp' && address === this.#target.address && port === this.#target.port,
    );
    if (through.length === 0) {
      throw new Error(`no candidate is the relay's target ${this.#target.address}:${this.#target.port}`);
    }
    return through.map((candidate) => ({ ...candidate, ip: this.address, address: this.address, port: this.port }));
  }

  toJSON() {
    return { ...structuredClone(this.#stats), clients: this.#clients.size, held: this.#held.length };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#held.length = 0;
    this.#socket.close();
    for (const key of this.#clients.keys()) this.#dismiss(key);
  }

  #fromClient(packet: Buffer, address: string, port: number): void {
    this.#stats.uplink.received++;
    const key = `${address} ${port}`;
    const client = this.#clients.get(key) ?? this.#admit(address, port);
    this.#clients.delete(key);
    this.#clients.set(key, client);
    this.#pass('uplink', packet, () => {
      if (!client.closed) client.upstream.send(packet, this.#target.port, this.#target.address);
    });
  }

  #admit(address: string, port: number): Client {
    const [oldest] = this.#clients.keys();
    if (oldest !== undefined && this.#clients.size >= this.#maxClients) {
      this.#dismiss(oldest);
      this.#stats.evictedClients++;
    }
    const upstream = createSocket(socketType(this.address));
    upstream.on('error', () => this.#stats.socketErrors++);
    upstream.on('message', (packet) => {
      this.#stats.downlink.received++;
      this.#pass('downlink', packet, () => this.#socket.send(packet, port, address));
    });
    // What is sent before the socket is bound waits in it.
    upstream.bind(0, this.address);
    return { address, port, upstream, closed: false };
  }

  #dismiss(key: string): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    this.#clients.delete(key);
    client.closed = true;
    client.upstream.close();
  }

  #pass(direction: 'uplink' | 'downlink', packet: Buffer, send: () => void): void {
    if (!isMedia(packet)) {
      send();
      return;
    }
    const stats = this.#stats[direction];
    stats.media++;
    const nowMs = performance.now();
    this.#release(nowMs);
    const departures = (direction === 'uplink' ? this.#uplink : this.#downlink).departures(nowMs);
    if (departures.length === 0) stats.lost++;
    for (const departureMs of departures) {
      if (departureMs <= nowMs) send();
      else if (this.#held.length >= this.#maxHeld) stats.overflow++;
      else this.#hold({ departureMs, send });
    }
  }

  #hold(held: Held): void {
    const after = this.#held.findLastIndex(({ departureMs }) => departureMs <= held.departureMs) + 1;
    this.#held.splice(after, 0, held);
    if (after === 0) this.#schedule();
  }

  #release(nowMs: number): void {
    while (this.#held[0] && this.#held[0].departureMs <= nowMs) this.#held.shift()?.send();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const [next] = this.#held;
    if (next === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#release(performance.now());
        this.#schedule();
      },
      Math.max(1, next.departureMs - performance.now()),
    );
  }
}
