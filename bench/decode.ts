/**
 * A process that does nothing but decode as many streams as the scorer is given: the floor that it is compared with.
 * libopus to 16 kHz mono, one thread, the streams in turn as their packets come. Started by `main.ts` with an IPC
 * channel: gets a `DecodeOrder`, answers a `DecodeResult`.
 */
import { loadNative } from '../src/engine/load.ts';
import { cpuMs } from './cpu.ts';
import type { SenderOrder } from './sender.ts';

export interface DecodeOrder {
  readonly streams: number;
  readonly clips: SenderOrder['clips'];
}

export interface DecodeResult {
  readonly audioSeconds: number;
  readonly cpuMs: number;
}

const sampleRateHz = 16000;
/** Enough that the 10 ms tick of the CPU clock is below half a percent. */
const minCpuMs = 3000;
/** Of all streams together, in one call: so many that making the decoders does not count. */
const packetsPerCall = 50_000;

process.once('message', ({ streams, clips }: DecodeOrder) => {
  const addon = loadNative();
  const packets = clips.map((clip) => clip.map((packet) => new Uint8Array(Buffer.from(packet, 'base64'))));
  const packetsPerStream = Math.ceil(packetsPerCall / streams);
  const start = cpuMs(process.pid);
  let samples = 0;
  let spentMs = 0;
  while (spentMs < minCpuMs) {
    samples += addon.decodeOpusStreams(packets, streams, packetsPerStream);
    spentMs = cpuMs(process.pid) - start;
  }
  const result: DecodeResult = { audioSeconds: samples / sampleRateHz, cpuMs: spentMs };
  process.send?.(result, () => process.disconnect());
});
