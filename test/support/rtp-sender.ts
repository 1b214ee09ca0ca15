import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

export interface RtpSenderOptions {
  /** Where to, on this host. */
  port: number;
  address?: string;
  ssrc: number;
  payloadType: number;
  /** Sent one after the other, then from the first again. */
  payloads: readonly Uint8Array[];
  /** Between packets. */
  packetMs?: number;
  /** RTP clock ticks a packet. Default: 48 kHz for `packetMs`. */
  timestampStep?: number;
  /** Of the first packet; default close to its wrap. */
  firstSequenceNumber?: number;
}

/** Sends payloads as RTP (RFC 3550 §5.1) over UDP in real time. */
export class RtpSender {
  /** Which packets are lost on their way, by their number from 0. */
  loses: (index: number) => boolean = () => false;
  readonly #options: Required<RtpSenderOptions>;
  readonly #socket: Socket;
  #port: number;
  #timer: NodeJS.Timeout | undefined;
  #sent = 0;

  private constructor(socket: Socket, options: Required<RtpSenderOptions>) {
    this.#socket = socket;
    this.#options = options;
    this.#port = options.port;
  }

  static async create(options: RtpSenderOptions): Promise<RtpSender> {
    const {
      address = '127.0.0.1',
      packetMs = 20,
      timestampStep = packetMs * 48,
      firstSequenceNumber = 65500,
    } = options;
    const socket = createSocket('udp4');
    socket.bind(0, address);
    await once(socket, 'listening');
    return new RtpSender(socket, { ...options, address, packetMs, timestampStep, firstSequenceNumber });
  }

  /** Packets sent so far. */
  get sent(): number {
    return this.#sent;
  }

  /** Where the packets come from. */
  get sourcePort(): number {
    return this.#socket.address().port;
  }

  /** From now on to another port. */
  redirect(port: number): void {
    this.#port = port;
  }

  start(): void {
    if (this.#timer !== undefined) return;
    const { packetMs } = this.#options;
    const startMs = performance.now() - this.#sent * packetMs;
    this.#timer = setInterval(() => {
      while (startMs + this.#sent * packetMs <= performance.now()) this.#send();
    }, packetMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async close(): Promise<void> {
    this.stop();
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  #send(): void {
    const { payloads, payloadType, ssrc, timestampStep, firstSequenceNumber, address } = this.#options;
    const header = Buffer.alloc(12);
    header[0] = 0x80; // version 2
    header[1] = payloadType;
    header.writeUInt16BE((firstSequenceNumber + this.#sent) & 0xffff, 2);
    header.writeUInt32BE((this.#sent * timestampStep) >>> 0, 4);
    header.writeUInt32BE(ssrc, 8);
    const payload = payloads[this.#sent % payloads.length] as Uint8Array;
    if (!this.loses(this.#sent)) this.#socket.send([header, payload], this.#port, address);
    this.#sent += 1;
  }
}
