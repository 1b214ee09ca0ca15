import type { types as client } from 'mediasoup-client';
import { Device } from 'mediasoup-client';
import { io, type Socket } from 'socket.io-client';
import type {
  ClientToServerEvents,
  Participant,
  Reply,
  ServerToClientEvents,
  TransportParameters,
  Welcome,
} from '../src/protocol.ts';

export interface ConferenceClientOptions {
  /** Default: where the page came from. */
  url?: string;
  /** mediasoup-client's handler; default: the one that fits the browser. */
  handlerName?: client.BuiltinHandlerName;
  /** What is sent comes through a relay of the server, so that `impair` can lose packets. Default false. */
  impairable?: boolean;
  /** May put something between this client and the server, e.g. a relay. Default: nothing. */
  adaptSendTransport?: (parameters: TransportParameters) => Promise<TransportParameters>;
  onParticipants?: (participants: readonly Participant[]) => void;
  /** The server is gone, or has forgotten this connection: `reason` is socket.io's. */
  onDisconnect?: (reason: string) => void;
}

type ConferenceSocket = Socket<ServerToClientEvents, ClientToServerEvents>;

/** One participant's side of the signalling, for a browser and for anything else that has WebRTC. */
export class ConferenceClient {
  readonly welcome: Welcome;
  readonly #socket: ConferenceSocket;
  readonly #device: Device;
  readonly #options: ConferenceClientOptions;
  #sendTransport: client.Transport | undefined;
  #receiveTransport: Promise<client.Transport> | undefined;
  #producer: client.Producer | undefined;
  readonly #consumers = new Map<string, client.Consumer>();

  static async connect(options: ConferenceClientOptions = {}): Promise<ConferenceClient> {
    const { url, handlerName } = options;
    const settings = { forceNew: true, reconnection: false };
    const socket: ConferenceSocket = url === undefined ? io(settings) : io(url, settings);
    const welcome = await new Promise<Welcome>((resolve, reject) => {
      socket.once('welcome', resolve);
      socket.once('connect_error', reject);
      socket.once('disconnect', (reason) => reject(new Error(`connection ended: ${reason}`)));
      // Registered before the first event can come.
      socket.on('participants', (participants) => options.onParticipants?.(participants));
    });
    const device = new Device(handlerName === undefined ? {} : { handlerName });
    await device.load({ routerRtpCapabilities: welcome.routerRtpCapabilities as client.RtpCapabilities });
    return new ConferenceClient(socket, welcome, device, options);
  }

  private constructor(socket: ConferenceSocket, welcome: Welcome, device: Device, options: ConferenceClientOptions) {
    this.#socket = socket;
    this.welcome = welcome;
    this.#device = device;
    this.#options = options;
    socket.on('disconnect', (reason) => {
      this.#release();
      options.onDisconnect?.(reason);
    });
  }

  get sending(): boolean {
    return this.#producer !== undefined && !this.#producer.closed;
  }

  join(name: string): Promise<Participant> {
    return this.#request((reply) => this.#socket.emit('join', { name }, reply));
  }

  /** Sends this audio track to the room, with in-band FEC and discontinuous transmission. */
  async send(track: MediaStreamTrack): Promise<void> {
    const offered = await this.#createTransport('send');
    const parameters = (await this.#options.adaptSendTransport?.(offered)) ?? offered;
    const transport = this.#device.createSendTransport(parameters as client.TransportOptions);
    this.#sendTransport = transport;
    this.#connectOnDemand(transport);
    transport.on('produce', ({ rtpParameters }, done, fail) => {
      this.#request<{ producerId: string }>((reply) =>
        this.#socket.emit(
          'produce',
          { transportId: transport.id, rtpParameters: rtpParameters as Produce['rtpParameters'] },
          reply,
        ),
      ).then(({ producerId }) => done({ id: producerId }), fail);
    });
    this.#producer = await transport.produce({
      track,
      stopTracks: false,
      codecOptions: { opusFec: true, opusDtx: true, opusStereo: false },
    });
  }

  /** Sends another track in place of the one before. */
  async replaceTrack(track: MediaStreamTrack): Promise<void> {
    await this.#producer?.replaceTrack({ track });
  }

  /** Muted, nothing leaves this client, and the server knows that this is on purpose. */
  async setMuted(muted: boolean): Promise<void> {
    if (this.#producer === undefined) throw new Error('no audio to mute');
    if (muted) this.#producer.pause();
    else this.#producer.resume();
    await this.#request<null>((reply) => this.#socket.emit('mute', { muted }, reply));
  }

  /** From now on this share of what is sent is lost on the way; needs `impairable`. */
  async impair(lossRatio: number): Promise<void> {
    await this.#request<null>((reply) => this.#socket.emit('impair', { lossRatio }, reply));
  }

  /** Of the encoder, from now on. */
  async setBitrate(bitsPerSecond: number): Promise<void> {
    await this.#producer?.setRtpEncodingParameters({ maxBitrate: bitsPerSecond });
  }

  /** Another participant's audio; undefined where there is none (any more). */
  async listen(participantId: string): Promise<MediaStreamTrack> {
    this.#receiveTransport ??= this.#createReceiveTransport();
    const transport = await this.#receiveTransport;
    const rtpCapabilities = this.#device.recvRtpCapabilities as Consume['rtpCapabilities'];
    const parameters = await this.#request<ConsumerAnswer>((reply) =>
      this.#socket.emit('consume', { transportId: transport.id, participantId, rtpCapabilities }, reply),
    );
    const consumer = await transport.consume(parameters as client.ConsumerOptions);
    this.#consumers.get(participantId)?.close();
    this.#consumers.set(participantId, consumer);
    await this.#request<null>((reply) => this.#socket.emit('resume', { consumerId: consumer.id }, reply));
    return consumer.track;
  }

  stopListening(participantId: string): void {
    this.#consumers.get(participantId)?.close();
    this.#consumers.delete(participantId);
  }

  close(): void {
    this.#release();
    this.#socket.disconnect();
  }

  #release(): void {
    this.#sendTransport?.close();
    this.#receiveTransport?.then((transport) => transport.close()).catch(() => {});
    this.#consumers.clear();
  }

  async #createReceiveTransport(): Promise<client.Transport> {
    const parameters = await this.#createTransport('receive');
    const transport = this.#device.createRecvTransport(parameters as client.TransportOptions);
    this.#connectOnDemand(transport);
    return transport;
  }

  #createTransport(direction: 'send' | 'receive'): Promise<TransportParameters> {
    const impairable = direction === 'send' && this.#options.impairable === true;
    return this.#request((reply) => this.#socket.emit('createTransport', { direction, impairable }, reply));
  }

  #connectOnDemand(transport: client.Transport): void {
    transport.on('connect', ({ dtlsParameters }, done, fail) => {
      this.#request<null>((reply) =>
        this.#socket.emit(
          'connectTransport',
          { transportId: transport.id, dtlsParameters: dtlsParameters as Connect['dtlsParameters'] },
          reply,
        ),
      ).then(() => done(), fail);
    });
  }

  #request<T>(emit: (reply: Reply<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const lost = () => reject(new Error('connection lost'));
      if (this.#socket.disconnected) return lost();
      this.#socket.once('disconnect', lost);
      emit((answer) => {
        this.#socket.off('disconnect', lost);
        if ('error' in answer) reject(new Error(answer.error));
        else resolve(answer.data);
      });
    });
  }
}

type Produce = Parameters<ClientToServerEvents['produce']>[0];
type Consume = Parameters<ClientToServerEvents['consume']>[0];
type Connect = Parameters<ClientToServerEvents['connectTransport']>[0];
type ConsumerAnswer = Parameters<ClientToServerEvents['consume']>[1] extends Reply<infer T> ? T : never;
