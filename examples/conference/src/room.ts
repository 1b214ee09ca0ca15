import type { types as mediasoup } from 'mediasoup';
import type { Namespace, Server, Socket } from 'socket.io';
import { RoomParticipant } from './participant.ts';
import type { ClientToServerEvents, Participant, Reply, ServerToClientEvents } from './protocol.ts';

type RoomServer = Server<ClientToServerEvents, ServerToClientEvents>;
type RoomSocket = Socket<ClientToServerEvents, ServerToClientEvents>;

/** Everybody who is connected, over the default namespace of the caller's socket.io server. */
export class Room {
  readonly #namespace: Namespace<ClientToServerEvents, ServerToClientEvents>;
  readonly #router: mediasoup.Router;
  readonly #webRtcServer: mediasoup.WebRtcServer;
  readonly #mediaHost: string;
  readonly #maxParticipants: number;
  readonly #participants = new Map<string, RoomParticipant>();
  readonly #onChange: (participants: Participant[]) => void;

  constructor(options: {
    io: RoomServer;
    router: mediasoup.Router;
    webRtcServer: mediasoup.WebRtcServer;
    /** The address that the WebRtcServer listens on. */
    mediaHost: string;
    /** Default 50. */
    maxParticipants?: number;
    onChange?: (participants: Participant[]) => void;
  }) {
    const { io, router, webRtcServer, mediaHost, maxParticipants = 50, onChange = () => {} } = options;
    this.#router = router;
    this.#webRtcServer = webRtcServer;
    this.#mediaHost = mediaHost;
    this.#maxParticipants = maxParticipants;
    this.#onChange = onChange;
    this.#namespace = io.of('/');
    this.#namespace.use((_socket, next) => {
      next(this.#participants.size < this.#maxParticipants ? undefined : new Error('the room is full'));
    });
    this.#namespace.on('connection', (socket) => this.#welcome(socket));
  }

  /** Those who have joined, in that order. */
  get participants(): Participant[] {
    return [...this.#participants.values()].filter(({ name }) => name !== undefined).map((one) => one.toJSON());
  }

  participant(participantId: string): RoomParticipant | undefined {
    return this.#participants.get(participantId);
  }

  /** Whether a connection that is still there was given this token. */
  knowsMosToken(token: unknown): boolean {
    return [...this.#participants.values()].some(({ mosToken }) => mosToken === token);
  }

  #welcome(socket: RoomSocket): void {
    const participant = new RoomParticipant({
      participantId: socket.id,
      router: this.#router,
      webRtcServer: this.#webRtcServer,
      mediaHost: this.#mediaHost,
    });
    this.#participants.set(socket.id, participant);
    socket.on('disconnect', () => {
      this.#participants.delete(socket.id);
      participant.close();
      if (participant.name !== undefined) this.#changed();
    });

    socket.on('join', (request, reply) =>
      answer(reply, async () => {
        const joined = participant.join(request?.name);
        // Joining anew puts the participant at the end: those who only look have no place in the order.
        this.#participants.delete(socket.id);
        this.#participants.set(socket.id, participant);
        this.#changed();
        return joined;
      }),
    );
    socket.on('createTransport', (request, reply) =>
      answer(reply, () => participant.createTransport(request?.impairable === true)),
    );
    socket.on('connectTransport', (request, reply) =>
      answer(reply, async () => {
        await participant.connectTransport(request?.transportId, request?.dtlsParameters);
        return null;
      }),
    );
    socket.on('produce', (request, reply) =>
      answer(reply, async () => {
        const producer = await participant.produce(request?.transportId, request?.rtpParameters);
        producer.observer.on('close', () => this.#changed());
        this.#changed();
        return { producerId: producer.id };
      }),
    );
    socket.on('mute', (request, reply) =>
      answer(reply, async () => {
        await participant.mute(request?.muted);
        this.#changed();
        return null;
      }),
    );
    socket.on('impair', (request, reply) =>
      answer(reply, () => {
        participant.impair(request?.lossRatio);
        return null;
      }),
    );
    socket.on('consume', (request, reply) =>
      answer(reply, () => {
        const producer = this.#participants.get(String(request?.participantId))?.producer;
        return participant.consume(request?.transportId, producer, request?.rtpCapabilities);
      }),
    );
    socket.on('resume', (request, reply) =>
      answer(reply, async () => {
        await participant.resume(request?.consumerId);
        return null;
      }),
    );

    const { participantId, mosToken } = participant;
    const { id: routerId, rtpCapabilities: routerRtpCapabilities } = this.#router;
    socket.emit('welcome', { participantId, mosToken, routerId, routerRtpCapabilities });
    socket.emit('participants', this.participants);
  }

  #changed(): void {
    const { participants } = this;
    this.#namespace.emit('participants', participants);
    this.#onChange(participants);
  }
}

/** Runs a request and answers with its outcome; mediasoup names in its errors what is wrong with a client's parameters. */
async function answer<T>(reply: Reply<T>, handle: () => T | Promise<T>): Promise<void> {
  if (typeof reply !== 'function') return;
  try {
    reply({ data: await handle() });
  } catch (error) {
    reply({ error: error instanceof Error ? error.message : String(error) });
  }
}
