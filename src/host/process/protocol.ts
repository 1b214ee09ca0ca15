/**
 * Messages between parent and scorer process, by Node's IPC with structured clones (`serialization: 'advanced'`).
 * The parent's commands travel in lists; the process sends one message a tick, which is its heartbeat too.
 */

import { ModelLoadError, type ModelLoadErrorCode } from '../../base/errors.ts';
import type { PayloadTypeOptions } from '../../engine/codecs.ts';
import type { NativeEngineStats, NativeSocket, NativeStreamStats } from '../../engine/contract.ts';
import type { NoScoreReason, StreamScore } from '../../events.ts';
import type { ModelManifest } from '../../model/manifest.ts';

/** Configures the process; sent once. */
export interface InitMessage {
  type: 'init';
  model: string;
  address: string;
  /** One a socket; 0 = any. */
  ports: number[];
  /** When a port is taken: true = take any other, false = fail. */
  otherPortsAllowed: boolean;
  tickMs: number;
  intervalMs: number;
  minSpeechMs: number;
  reorderMs: number;
  concealMs: number;
  gapMs: number;
  forgetMs: number;
  receiveBufferBytes: number;
  maxStreams: number;
}

/** Where the RTP packets of a stream come from. */
export interface SourceDescription {
  /** Index of the socket. */
  socket: number;
  address: string;
  port: number;
  ssrc: number;
}

/** A stream as the process has to know it. `stream` is a number that the parent never uses twice. */
export interface StreamDescription {
  stream: number;
  source: SourceDescription | undefined;
  payloadTypes: readonly PayloadTypeOptions[];
  /** 0 = none. */
  audioLevelExtensionId: number;
  paused: boolean;
  /** It had another source before. */
  sourceChanged: boolean;
}

export type Command =
  | ({ type: 'addStream' } & StreamDescription)
  | { type: 'removeStream'; stream: number }
  | { type: 'pause'; stream: number }
  | { type: 'resume'; stream: number }
  /** `ownDrops`: running count of this stream's packets dropped on the way to the process. */
  | { type: 'pushRtp'; stream: number; packet: Uint8Array; arrivalMs: number | undefined; ownDrops: number }
  /** `broken`: samples were dropped on the way to the process just before these. */
  | { type: 'pushPcm'; stream: number; samples: Float32Array; arrivalMs: number | undefined; broken: boolean }
  | { type: 'getStats'; request: number }
  /** Loads a model next to the one that scores; answered with `ModelReply`. */
  | { type: 'loadModel'; request: number; model: string }
  /** From the next tick on the loaded model scores; answered with `ModelReply` before any event of that model. */
  | { type: 'useModel'; request: number }
  /** The loaded model is not used. */
  | { type: 'dropModel' }
  | { type: 'getStreamStats'; request: number; stream: number };

export type ToProcess = InitMessage | { type: 'commands'; commands: Command[] };

export interface ReadyMessage extends ModelReply {
  type: 'ready';
  sockets: NativeSocket[];
  decoderBytesPerStream: number;
}

export interface ModelReply {
  manifest: ModelManifest;
  /** With this model, once it is in use. */
  bytesPerStream: number;
}

/** An error that crossed the process border. */
export interface PlainError {
  name: string;
  message: string;
  code?: string;
  stack?: string;
}

/** A noscore event; the parent knows its stream, number and model. */
export interface PlainNoScore {
  stream: number;
  reason: NoScoreReason;
  since: number;
  network: StreamScore['network'];
}

/** Scoring a stream failed. */
export interface PlainFault {
  stream: number;
  error: PlainError;
}

export interface OverloadCounts {
  /** Datagrams dropped by the kernel since the last tick that reported them. */
  kernelDrops: number;
  /** Packets dropped in the process since then. */
  queueDrops: number;
  /** Streams whose score is more than one interval late. */
  lateStreams: number;
}

export interface TickMessage {
  type: 'tick';
  /** Rows of numbers, see score-table.ts. Absent when there are none. */
  scores?: Float64Array;
  noScores?: PlainNoScore[];
  faults?: PlainFault[];
  overload?: OverloadCounts;
}

export interface ProcessStats {
  streams: number;
  ticks: number;
  windowsScored: number;
  batches: number;
  /** How often scoring a stream failed. */
  streamFaults: number;
  /** Time inside the network, ms. */
  scoringMs: number;
  /** Largest time one tick took, ms. */
  longestTickMs: number;
  /** CPU time of the process since it started, ms. */
  cpuMs: number;
  rssBytes: number;
  engine: NativeEngineStats;
}

export type FromProcess =
  | ReadyMessage
  | { type: 'failed'; error: PlainError }
  | TickMessage
  /** A stream's command was refused. */
  | { type: 'refused'; stream: number; error: PlainError }
  | { type: 'reply'; request: number; answer: ProcessStats | NativeStreamStats | ModelReply }
  | { type: 'reply'; request: number; error: PlainError };

export function toPlainError(error: unknown): PlainError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message, stack } = error;
  const code = (error as NodeJS.ErrnoException).code;
  return { name, message, ...(code === undefined ? {} : { code }), ...(stack === undefined ? {} : { stack }) };
}

/** Errors that callers distinguish are of their class again, with the process's own as `cause`. */
export function fromPlainError({ message, ...rest }: PlainError): Error {
  const plain = Object.assign(new Error(message), rest);
  if (rest.name === 'ModelLoadError') {
    return new ModelLoadError(rest.code as ModelLoadErrorCode, message, { cause: plain });
  }
  // An option that only the process can check, since it takes the model to know.
  if (rest.name === 'RangeError') return new RangeError(message, { cause: plain });
  return plain;
}
