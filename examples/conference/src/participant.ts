import { randomBytes } from 'node:crypto';
import type { types as mediasoup } from 'mediasoup';
import { type ConsumerParameters, maxNameLength, type Participant, type TransportParameters } from './protocol.ts';
import { Relay } from './relay.ts';

/** What the server refuses, in words for whoever asked. */
export class RequestError extends Error {}

const maxTransports = 2;

/** One connection's share of the room: its transports, its audio, and what it listens to. */
export class RoomParticipant {
  readonly participantId: string;
  /** Opens the MOS namespace for this connection. */
  readonly mosToken = randomBytes(24).toString('base64url');
  readonly #router: mediasoup.Router;
  readonly #webRtcServer: mediasoup.WebRtcServer;
  readonly #transports = new Map<string, mediasoup.WebRtcTransport>();
  readonly #consumers = new Map<string, mediasoup.Consumer>();
  readonly #mediaHost: string;
  #openTransports = 0;
  #relay: Relay | undefined;
  #name: string | undefined;
  #producing = false;
  #producer: mediasoup.Producer | undefined;
  #closed = false;

  constructor(options: {
    participantId: string;
    router: mediasoup.Router;
    webRtcServer: mediasoup.WebRtcServer;
    /** The address that the WebRtcServer listens on. */
    mediaHost: string;
  }) {
    this.#mediaHost = options.mediaHost;
    this.participantId = options.participantId;
    this.#router = options.router;
    this.#webRtcServer = options.webRtcServer;
  }

  /** Undefined until the participant has joined. */
  get name(): string | undefined {
    return this.#name;
  }

  get producer(): mediasoup.Producer | undefined {
    return this.#producer;
  }

  toJSON(): Participant {
    const { participantId } = this;
    const open = this.#producer !== undefined && !this.#producer.closed;
    return { participantId, name: this.#name ?? '', muted: this.#producer?.paused ?? false, sending: open };
  }

  join(name: unknown): Participant {
    if (this.#name !== undefined) throw new RequestError('already joined');
    if (typeof name !== 'string') throw new RequestError('name must be a string');
    // Names are shown on terminals and pages: nothing that steers either.
    const trimmed = name.replace(/\p{C}/gu, '').trim();
    if (trimmed === '' || trimmed.length > maxNameLength) {
      throw new RequestError(`name must have 1 to ${maxNameLength} characters`);
    }
    this.#name = trimmed;
    return this.toJSON();
  }

  /** @param impairable - clients send to a relay instead of the server's UDP port: see `impair` */
  async createTransport(impairable: boolean): Promise<TransportParameters> {
    this.#requireJoined();
    if (impairable && this.#relay !== undefined) throw new RequestError('one impairable transport');
    if (this.#openTransports >= maxTransports) throw new RequestError(`at most ${maxTransports} transports`);
    this.#openTransports++;
    const transport = await this.#router.createWebRtcTransport({
      webRtcServer: this.#webRtcServer,
      enableTcp: true,
      preferUdp: true,
    });
    if (this.#closed) {
      transport.close();
      throw new RequestError('the connection has ended');
    }
    this.#transports.set(transport.id, transport);
    const { id, iceParameters, dtlsParameters } = transport;
    const iceCandidates = impairable ? await this.#relayed(transport.iceCandidates) : transport.iceCandidates;
    return { id, iceParameters, iceCandidates, dtlsParameters };
  }

  impair(lossRatio: unknown): void {
    if (this.#relay === undefined) throw new RequestError('no impairable transport');
    if (typeof lossRatio !== 'number') throw new RequestError('lossRatio must be a number');
    this.#relay.setUplink({ lossRatio });
  }

  async connectTransport(transportId: unknown, dtlsParameters: mediasoup.DtlsParameters): Promise<void> {
    await this.#transport(transportId).connect({ dtlsParameters });
  }

  async produce(transportId: unknown, rtpParameters: mediasoup.RtpParameters): Promise<mediasoup.Producer> {
    if (this.#producing) throw new RequestError('one audio producer for each participant');
    const transport = this.#transport(transportId);
    this.#producing = true;
    try {
      const appData = { participantId: this.participantId };
      this.#producer = await transport.produce({ kind: 'audio', rtpParameters, appData });
      return this.#producer;
    } catch (error) {
      this.#producing = false;
      throw error;
    }
  }

  async mute(muted: unknown): Promise<void> {
    if (typeof muted !== 'boolean') throw new RequestError('muted must be true or false');
    if (this.#producer === undefined) throw new RequestError('no audio to mute');
    await (muted ? this.#producer.pause() : this.#producer.resume());
  }

  async consume(
    transportId: unknown,
    producer: mediasoup.Producer | undefined,
    rtpCapabilities: mediasoup.RtpCapabilities,
  ): Promise<ConsumerParameters> {
    const transport = this.#transport(transportId);
    if (producer === undefined || producer.closed) throw new RequestError('that participant sends no audio');
    if (producer === this.#producer) throw new RequestError('nobody consumes their own audio');
    if ([...this.#consumers.values()].some(({ producerId }) => producerId === producer.id)) {
      throw new RequestError('already consumed');
    }
    const consumer = await transport.consume({ producerId: producer.id, rtpCapabilities, paused: true });
    this.#consumers.set(consumer.id, consumer);
    consumer.observer.once('close', () => this.#consumers.delete(consumer.id));
    return { id: consumer.id, producerId: producer.id, kind: consumer.kind, rtpParameters: consumer.rtpParameters };
  }

  async resume(consumerId: unknown): Promise<void> {
    const consumer = this.#consumers.get(String(consumerId));
    if (consumer === undefined) throw new RequestError('no such consumer');
    await consumer.resume();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const transport of this.#transports.values()) transport.close();
    this.#relay?.close();
  }

  /** The candidates with a relay's port in place of the server's; TCP goes past it, for those whom UDP does not reach. */
  async #relayed(candidates: mediasoup.IceCandidate[]): Promise<mediasoup.IceCandidate[]> {
    const udp = candidates.find(({ protocol }) => protocol === 'udp');
    if (udp === undefined) throw new RequestError('the server has no UDP port');
    const target = { address: reachable(this.#mediaHost), port: udp.port };
    const relay = await Relay.create({ target, address: this.#mediaHost });
    if (this.#closed) {
      relay.close();
      throw new RequestError('the connection has ended');
    }
    this.#relay = relay;
    return candidates.map((one) => (one.protocol === 'udp' ? { ...one, port: relay.port } : one));
  }

  #requireJoined(): void {
    if (this.#name === undefined) throw new RequestError('join first');
  }

  #transport(transportId: unknown): mediasoup.WebRtcTransport {
    this.#requireJoined();
    const transport = this.#transports.get(String(transportId));
    if (transport === undefined) throw new RequestError('no such transport');
    return transport;
  }
}

/** Where a wildcard address is reached from this machine. */
const reachable = (address: string): string => ({ '0.0.0.0': '127.0.0.1', '::': '::1' })[address] ?? address;
