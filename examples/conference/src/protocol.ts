import type { types as mediasoup } from 'mediasoup';

/** What the server and its clients (page and bots) say to each other over socket.io, beside the MOS namespace. */

export interface Participant {
  readonly participantId: string;
  readonly name: string;
  readonly muted: boolean;
  /** Whether there is audio to listen to. */
  readonly sending: boolean;
}

/** Sent once to every new connection; joining comes after it. */
export interface Welcome {
  readonly participantId: string;
  readonly routerRtpCapabilities: mediasoup.RtpCapabilities;
  /** What to subscribe to in the MOS namespace. */
  readonly routerId: string;
  /** Shown to the MOS namespace, it opens it as long as this connection lasts. */
  readonly mosToken: string;
}

export interface TransportParameters {
  readonly id: string;
  readonly iceParameters: mediasoup.IceParameters;
  readonly iceCandidates: mediasoup.IceCandidate[];
  readonly dtlsParameters: mediasoup.DtlsParameters;
}

export interface ConsumerParameters {
  readonly id: string;
  readonly producerId: string;
  readonly kind: mediasoup.MediaKind;
  readonly rtpParameters: mediasoup.RtpParameters;
}

export type Reply<T> = (answer: { data: T } | { error: string }) => void;

export interface ClientToServerEvents {
  join(request: { name: string }, reply: Reply<Participant>): void;
  /** `impairable`: its media comes through a relay that can lose packets, see `impair`. Default false. */
  createTransport(
    request: { direction: 'send' | 'receive'; impairable?: boolean },
    reply: Reply<TransportParameters>,
  ): void;
  connectTransport(
    request: { transportId: string; dtlsParameters: mediasoup.DtlsParameters },
    reply: Reply<null>,
  ): void;
  produce(
    request: { transportId: string; rtpParameters: mediasoup.RtpParameters },
    reply: Reply<{ producerId: string }>,
  ): void;
  mute(request: { muted: boolean }, reply: Reply<null>): void;
  /** Loses this share of the packets that come over one's own impairable transport, 0 to below 1. */
  impair(request: { lossRatio: number }, reply: Reply<null>): void;
  /** A consumer of another participant's audio; it starts paused. */
  consume(
    request: { transportId: string; participantId: string; rtpCapabilities: mediasoup.RtpCapabilities },
    reply: Reply<ConsumerParameters>,
  ): void;
  resume(request: { consumerId: string }, reply: Reply<null>): void;
}

export interface ServerToClientEvents {
  welcome(welcome: Welcome): void;
  /** Everybody who has joined, in the order of joining; sent at every change. */
  participants(participants: Participant[]): void;
}

export const maxNameLength = 40;
