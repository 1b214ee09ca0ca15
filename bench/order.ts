import type { SenderOrder } from './sender.ts';

/** What `main.ts` asks of `server.ts` and `serve.ts`, and what they answer. */
export interface ServerOrder {
  readonly streams: number;
  readonly seconds: number;
  readonly model: string | undefined;
  readonly clips: SenderOrder['clips'];
}

export interface ServerResult {
  readonly streams: number;
  /** CPU of the scorer process over the measured span, ms per stream and second. */
  readonly scorerCpuMsPerStreamSecond: number;
  /** Share of one core that the main thread of the media server, or of `serve`, used, all in all. */
  readonly mainThreadCore: number;
  readonly scoresPerStreamSecond: number;
  readonly noScores: Readonly<Record<string, number>>;
  /** Resident memory of the scorer process, bytes. */
  readonly residentBytes: number;
  /** Memory of a stream, fixed when it is added, as the scorer states it; `serve` does not tell. */
  readonly bytesPerStream?: number;
  readonly decoderBytesPerStream?: number;
  /** From the end of a window (the sender's last sample in it, as it arrived) to the event: in the main process, and of `serve` at its subscriber, ms. */
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  /** Dropped inside the host. */
  readonly packetsOverload: number;
}

export const firstSsrc = 10_000;
export const warmUpSeconds = 12;
export const payloadType = 100;
