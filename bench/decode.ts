/**
 * A process that does nothing but decode: the floor that the scorer is compared with. libopus to 16 kHz
 * mono, one thread. Started by `main.ts` with an IPC channel: gets the clips, answers a `DecodeResult`.
 */
import { loadNative } from '../src/native/load.ts';
import { cpuMs } from './cpu.ts';
import type { SenderOrder } from './sender.ts';

export interface DecodeResult {
  readonly audioSeconds: number;
  readonly cpuMs: number;
}

const sampleRateHz = 16000;
/** Enough that the 10 ms tick of the CPU clock is below half a percent. */
const minCpuMs = 3000;

process.once('message', (clips: SenderOrder['clips']) => {
  const addon = loadNative();
  const packets = clips.map((clip) => clip.map((packet) => new Uint8Array(Buffer.from(packet, 'base64'))));
  for (const clip of packets) addon.decodeOpus(clip);
  const start = cpuMs(process.pid);
  let samples = 0;
  let spentMs = 0;
  while (spentMs < minCpuMs) {
    for (const clip of packets) samples += addon.decodeOpus(clip).length;
    spentMs = cpuMs(process.pid) - start;
  }
  const result: DecodeResult = { audioSeconds: samples / sampleRateHz, cpuMs: spentMs };
  process.send?.(result, () => process.disconnect());
});
