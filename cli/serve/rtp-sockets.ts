import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type BlockList, isIP, isIPv6 } from 'node:net';
import { logger } from '../../src/base/log.ts';
import { CliError, exitCodes } from '../errors.ts';

const log = logger('serve');

/** Wanted receive buffer of a socket, bytes; the kernel gives at most `net.core.rmem_max`. */
const receiveBufferBytes = 4 << 20;

export interface RtpSocketsOptions {
  readonly address: string;
  /** 0 = any. */
  readonly ports: readonly number[];
  /** Who may send; undefined = everybody who can reach the address. */
  readonly from: BlockList | undefined;
  /** `key` names the port that was sent to and the sender's address and port. */
  readonly onPacket: (key: string, packet: Uint8Array) => void;
}

/** UDP sockets that RTP is sent to. */
export class RtpSockets {
  readonly #sockets: readonly Socket[];

  private constructor(sockets: readonly Socket[]) {
    this.#sockets = sockets;
  }

  /** @throws {CliError} when a port cannot be bound */
  static async open({ address, ports, from, onPacket }: RtpSocketsOptions): Promise<RtpSockets> {
    if (isIP(address) === 0) throw new CliError(`--address must be an IP address, got '${address}'`);
    const type = isIPv6(address) ? 'udp6' : 'udp4';
    const sockets = new RtpSockets(ports.map(() => createSocket({ type, recvBufferSize: receiveBufferBytes })));
    try {
      for (const [index, socket] of sockets.#sockets.entries()) {
        socket.bind(ports[index], address);
        await once(socket, 'listening');
        const { port } = socket.address();
        const family = type === 'udp6' ? 'ipv6' : 'ipv4';
        socket.on('message', (packet: Buffer, sender: RemoteInfo) => {
          if (from?.check(sender.address, family) === false) return;
          onPacket(`${port}/${sender.address}:${sender.port}`, packet);
        });
        socket.on('error', (error) => log.error('UDP port %d: %s', port, error.message));
      }
    } catch (cause) {
      sockets.close();
      throw new CliError((cause as Error).message, exitCodes.failed, { cause });
    }
    return sockets;
  }

  get ports(): number[] {
    return this.#sockets.map((socket) => socket.address().port);
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }
}
