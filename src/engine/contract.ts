/**
 * The face of the native addon. Numbers and typed arrays only: defaults, names and messages are
 * the business of the TypeScript above it; the addon rechecks types and bounds.
 *
 * Time: every `...Ms` that is a point in time is Unix milliseconds (fractions allowed) and is given or
 * returned, never read behind the caller's back, except in live lanes, which stamp packets with
 * a monotonic clock mapped once to Unix time.
 */

/** Payload kinds a stream may carry, as given to `addStream`. */
export const codecIds = {
  /** RFC 7587; clock 48 kHz. */
  opus: 1,
  /** G.711 mu-law, RFC 3551. */
  pcmu: 2,
  /** G.711 A-law, RFC 3551. */
  pcma: 3,
  /** Comfort noise, RFC 3389: time passes in silence. */
  comfortNoise: 4,
  /** RFC 4733: time passes in silence. */
  telephoneEvent: 5,
  /** RFC 2198: payloads of the other codecs; redundant ones stand in for packets that are lost. */
  red: 6,
} as const;

/** What the per-stream ring keeps. */
export const ringKinds = { logMel: 1, pcm: 2 } as const;

export interface NativeEngineOptions {
  /** UDP sockets, each with its own receive thread and work thread. 0 = offline only. */
  sockets: number;
  /** Where they are bound, IPv4 or IPv6 literal (without a zone). */
  address: string;
  /** Wanted ports, one a socket; 0 = any. */
  ports: number[];
  /** Wanted SO_RCVBUF per socket, bytes; 0 = the system's default. The kernel gives at most `net.core.rmem_max`, doubled. */
  receiveBufferBytes: number;
  /** One of `ringKinds`. */
  ringKind: number;
  /** Frames (10 ms) the ring holds, 1 to 60,000. */
  ringFrames: number;
  /** How long a packet is waited for at least, ms. Where retransmissions take longer, missing packets are waited for up to 500 ms. */
  reorderMs: number;
  /** Loss is concealed by the decoder up to this long, ms; then silence. */
  concealMs: number;
  /** A jump longer than this is a pause, not a loss: no frames stand for it, ms. */
  gapMs: number;
  /** Talk older than this is forgotten, ms. */
  forgetMs: number;
  maxStreams: number;
}

export interface NativeSocket {
  port: number;
  /** What the kernel really gave (as getsockopt reports it), bytes. */
  receiveBufferBytes: number;
}

export interface NativePayloadType {
  payloadType: number;
  /** One of `codecIds`. */
  codec: number;
  /** RTP clock, Hz. */
  clockRateHz: number;
}

export interface NativeStreamOptions {
  /** Index of the socket the packets come to; -1 = only by `pushRtp` / `pushPcm`. */
  socket: number;
  /** Source of the packets; only used with a socket. */
  sourceAddress: string;
  sourcePort: number;
  ssrc: number;
  payloadTypes: NativePayloadType[];
  /** Header extension id of RFC 6464 audio levels; 0 = none. */
  audioLevelId: number;
}

/** Columns of the table that `poll` fills, one row a stream. */
export const pollFields = [
  'handle',
  /** Frames that ever entered the ring. */
  'talkFrames',
  /** Frames now in the ring that are not forgotten. */
  'ringFrames',
  /** Of these: frames from the first to the last sound of each stretch of talk (not the margin of 300 ms around it). */
  'activeFrames',
  /** Of these: frames of which at least half was lost on the way and not recovered by FEC. */
  'lostFrames',
  /** Of these: frames of which any part was lost inside this host. */
  'overloadFrames',
  /** Arrival of the last packet of this stream, Unix ms; 0 = none yet. */
  'lastPacketMs',
  /** Start of the newest frame that entered the ring, Unix ms; 0 = none since the stream was added or reset. */
  'lastTalkMs',
  /** Smoothed level of the decoded signal where it is not active (also within talk), dBov (-127 to 0); -127 before any. */
  'backgroundDbov',
  /** 1 while the talk gate is open. */
  'talking',
  /** 1 while payloads are not of the stated codec (encrypted or broken). */
  'undecodable',
  /**
   * Payload type of the newest packet when at least 10 in a row, each within 150 ms, are none of the stream's; else -1, and when
   * nothing came for a second.
   */
  'unknownPayloadType',
  /** How often the sender's numbering restarted. */
  'restarts',
  /** Packets expected (RFC 3550 A.3), without those lost inside this host. */
  'packetsExpected',
  /** Packets lost on the way and not repaired within a second. */
  'packetsLost',
  /** Runs of consecutive lost packets. */
  'lossBursts',
  /** RFC 3550 interarrival jitter, ms. */
  'jitterMs',
  /** Packets lost inside this host (kernel, queue). */
  'packetsOverload',
  /** Frames overwritten because the ring was full, since the ring was made. */
  'overrunFrames',
] as const;

export type PollField = (typeof pollFields)[number];

/** Columns that `readWindows` returns for each window. */
export const windowFields = [
  /** Unix ms of the start of the first frame and the end of the last one. */
  'windowStartMs',
  'windowEndMs',
  /** Largest absolute sample, 0 to 1. */
  'peak',
  'activeFrames',
  'lostFrames',
  'overloadFrames',
] as const;

/** Columns that `takeFrames` is given for each stream. */
export const pieceFields = [
  'handle',
  /** Its number when all frames that ever entered the ring are counted from 0. */
  'firstFrame',
  /** Largest absolute sample before these frames, 0 to 1. */
  'loudest',
] as const;

/** Columns that `takeFrames` returns for each stream, followed by one row of `stepFields` a step. */
export const takenFields = [
  /** 0 = the frames are not there: the stream restarted, or lost them. Then nothing was taken, and all else is undefined. */
  'taken',
  /** End of the last frame, Unix ms. */
  'endMs',
] as const;

export const stepFields = [
  /** Of the first frame, Unix ms. */
  'startMs',
  /** Largest absolute sample, 0 to 1. */
  'peak',
  'lostFrames',
  'overloadFrames',
] as const;

/** Everything counted for one stream since it was added. */
export interface NativeStreamStats {
  packetsReceived: number;
  packetsExpected: number;
  /** Lost on the way, or not there when their turn was over. */
  packetsLost: number;
  /** Retransmitted: came more than `reorderMs` and at most a second after the first packet behind them. */
  packetsRepaired: number;
  /** Came when their turn was over. */
  packetsLate: number;
  packetsDuplicate: number;
  packetsMalformed: number;
  packetsOverload: number;
  packetsUnknownPayloadType: number;
  lossBursts: number;
  rtcpPackets: number;
  restarts: number;
  jitterMs: number;
  /** Decoded from packets, or pushed as PCM. */
  decodedMs: number;
  concealedMs: number;
  fecRecoveredMs: number;
  silenceMs: number;
  dtxMs: number;
  /** Of the frames that entered the ring. */
  talkMs: number;
  /** Of these: frames that stand out of what is around them. */
  activeMs: number;
  /** Decoded samples at 0.999 of full scale or beyond. */
  clippedSamples: number;
  /** Largest absolute decoded sample; 1 = full scale. */
  peak: number;
  /** Mean level of the frames of `activeMs`, dBov (0 = a full-scale square wave), -127 to 0; -127 before any. */
  levelDbov: number;
  /** Audio level that the sender states (RFC 6464), dBov, -127 to 0; null = not stated. */
  statedLevelDbov: number | null;
  /** Opus audio bandwidth of the newest packet, Hz (4000 to 20000); 4000 for G.711; 0 = none yet. */
  bandwidthHz: number;
  /**
   * Whether RTP timestamps count the time of the audio; if not, sequence numbers and payload durations are used instead.
   * `steady`: they do. `other-rate`: they count at `timestampRateHz` instead of the stated clock rate. `unsteady`: they differ
   * from packet to packet, as those read from a wall clock. `standing`: they hardly move.
   */
  timestampClock: TimestampClock;
  /** Rate of the timestamps as found, Hz; the stated clock rate while `steady`; 0 before any audio. */
  timestampRateHz: number;
}

export const timestampClocks = ['steady', 'other-rate', 'unsteady', 'standing'] as const;
export type TimestampClock = (typeof timestampClocks)[number];

export interface NativeEngineStats {
  /** Datagrams from an address, port or SSRC that no stream has, or that arrived before the stream was added or reset. */
  packetsUnknownSource: number;
  /** Datagrams that are neither RTP nor RTCP of version 2, or longer than 2048 bytes. */
  packetsMalformed: number;
  /** RTCP from addresses that streams come from. */
  rtcpPackets: number;
  /** Dropped by the kernel (SO_RXQ_OVFL). */
  kernelDrops: number;
  /** Dropped because the work thread fell behind. */
  queueDrops: number;
}

export interface NativeEngine {
  readonly sockets: readonly NativeSocket[];
  /** Memory fixed per stream at creation, bytes, without the decoder's own state. */
  readonly bytesPerStream: number;
  readonly decoderBytesPerStream: number;
  /**
   * Returns a handle, a whole number from 1, that is never used again.
   * @throws {RangeError} there are `maxStreams` streams, or one with that socket, source and SSRC.
   */
  addStream(options: NativeStreamOptions): number;
  removeStream(handle: number): void;
  /** Forgets the audio of the stream so far and what is still on its way, and starts over (unmuted, other source): statistics stay. */
  resetStream(handle: number): void;
  /** One RTP or RTCP packet, offline or from another transport. `ownDrops`: running count of packets lost inside this host before it. */
  pushRtp(handle: number, packet: Uint8Array, arrivalMs: number, ownDrops: number): void;
  /** 16 kHz mono PCM, -1 to 1, following what was pushed before. `arrivalMs` is the time of the first sample. */
  pushPcm(handle: number, samples: Float32Array, arrivalMs: number): void;
  /** Lets time pass up to `nowMs` for streams without a socket: what is waited for too long is lost. Lanes do so themselves. */
  advance(nowMs: number): void;
  /** Fills rows of `pollFields.length` numbers; returns the number of rows (streams). Throws RangeError when the table is too small. */
  poll(table: Float64Array, nowMs: number): number;
  /**
   * Copies the newest `frames` frames of each stream into `out` [handles][frames][values per frame]
   * and `info` [handles][windowFields]. `normalise`: divide by the window's peak (not when that is 0). `floor`: lower log10
   * values become it, after normalising (log-mel only). Log-mel values are within 1.6e-4 of those of `logMel`.
   * @throws {RangeError} a stream has fewer frames; what was copied of the streams before it is then of no use.
   */
  readWindows(
    handles: Float64Array,
    frames: number,
    normalise: boolean,
    floor: number,
    out: Float32Array,
    info: Float64Array,
  ): void;
  /**
   * Moves the oldest `frames` frames of each stream out of its ring into `out` [streams][frames][values per frame] and
   * `info` [streams][takenFields, then [frames / framesPerStep][stepFields]]. `pieces`: [streams][pieceFields].
   * `normalise`: divide by the largest absolute sample of the frames and `loudest` (not when that is 0). `floor`: as in
   * `readWindows`.
   */
  takeFrames(
    pieces: Float64Array,
    frames: number,
    framesPerStep: number,
    normalise: boolean,
    floor: number,
    out: Float32Array,
    info: Float64Array,
  ): void;
  /** From now on the ring of every stream keeps this many frames of this kind (one of `ringKinds`); what it held is gone. */
  setRing(ringKind: number, ringFrames: number): void;
  streamStats(handle: number): NativeStreamStats;
  stats(): NativeEngineStats;
  /** Closes the sockets and ends their threads. May be called again; all other calls then throw an Error with code ERR_INVALID_STATE. */
  close(): void;
}

/** Log-mel front end: the constants that define it. All fixed in native/log_mel.h. */
export interface NativeFeatureConstants {
  sampleRateHz: number;
  fftSize: number;
  windowSize: number;
  hopSize: number;
  mels: number;
  lowHz: number;
  highHz: number;
  /** Added to the power before log10. */
  powerFloor: number;
}

export interface NativeAddon {
  /** A socket that the system refuses is an Error with the system's `code`, such as EADDRINUSE; the message names address and port. */
  Engine: new (
    options: NativeEngineOptions,
  ) => NativeEngine;
  features: NativeFeatureConstants;
  /** Whole file: 16 kHz mono, N samples -> [floor(N / 160)][mels] log10(power + powerFloor), frame t centred on sample 160 t, reflected at both ends. */
  logMel(samples: Float32Array): Float32Array;
  /** Plain libopus decode of a list of packets to 16 kHz mono. A packet that is none is a RangeError. */
  decodeOpus(packets: Uint8Array[]): Float32Array;
  /**
   * Decodes many streams at once to 16 kHz mono, packet by packet in turn, and nothing else: the floor that benchmarks
   * compare with. Stream i plays clip i modulo the number of clips, in a loop. Returns the number of samples decoded.
   * A packet that is none is a RangeError.
   */
  decodeOpusStreams(clips: Uint8Array[][], streams: number, packetsPerStream: number): number;
  /** libopus encoder for tests, benchmarks and training: 16 or 48 kHz mono or interleaved stereo -> packets. What does not fill a packet at the end is left out. */
  encodeOpus(samples: Float32Array, options: NativeOpusEncoderOptions): Uint8Array[];
  /** Sets a variable of the process's environment, also from a worker thread, where `process.env` is a copy. A name that is none is a RangeError. */
  setEnvironment(name: string, value: string): void;
}

export interface NativeOpusEncoderOptions {
  sampleRateHz: number;
  channels: number;
  bitrate: number;
  /** 2.5, 5, 10, 20, 40 or 60. */
  frameMs: number;
  complexity: number;
  fec: boolean;
  /** Expected loss, percent, 0 to 100. */
  packetLossPercent: number;
  dtx: boolean;
  /** Hz: 4000, 6000, 8000, 12000, 20000; 0 = automatic. */
  maxBandwidthHz: number;
  /** 2048 VoIP, 2049 audio, 2051 low delay (OPUS_APPLICATION_*). */
  application: number;
}
