import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** What a relay does to packets. */
export interface RelayFaults {
  /** Share that is lost, 0 to 1. */
  readonly lossRatio: number;
  /** Each is late by 0 to this many ms, so later ones may overtake it. */
  readonly jitterMs: number;
}

/** Passes datagrams on to a port of this host, less well than it might. */
export class Relay {
  faults: RelayFaults = { lossRatio: 0, jitterMs: 0 };
  dropped = 0;
  passed = 0;
  readonly #socket: Socket;
  #random: number;

  private constructor(socket: Socket, to: number, seed: number) {
    this.#socket = socket;
    this.#random = seed;
    socket.on('message', (packet) => {
      if (this.#next() < this.faults.lossRatio) {
        this.dropped++;
        return;
      }
      this.passed++;
      const send = () => {
        if (!this.#closed) socket.send(packet, to, '127.0.0.1');
      };
      if (this.faults.jitterMs === 0) send();
      else setTimeout(send, this.#next() * this.faults.jitterMs);
    });
  }

  #closed = false;

  static async start(to: number, seed = 1): Promise<Relay> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new Relay(socket, to, seed);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  close(): void {
    this.#closed = true;
    this.#socket.close();
  }

  /** 0 to 1, the same each run (mulberry32). */
  #next(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
