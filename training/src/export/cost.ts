import { cpus } from 'node:os';
import { loadNative } from '../../../src/engine/load.ts';
import type { InferenceSession } from '../../../src/model/runtime.ts';
import { openGraph, runGraph } from '../onnx/session.ts';
import { Random } from '../run/random.ts';
import { framesPerStep, type NetworkConfiguration } from '../student/configuration.ts';
import { stateValues } from './student-graph.ts';

export interface Cost {
  /** Milliseconds of one core for one window of the largest length. */
  msPerWindow: number;
  /** For one stream that is scored once a second. */
  msPerAudioSecond: number;
  measuredOn: string;
}

/** Streams that are scored at once, as a scorer does with those that are due. */
const streams = 8;

const measuredOn = (count = streams) =>
  `one core of ${cpus()[0]?.model.trim() ?? 'an unknown processor'}, onnxruntime, ${count} at a time`;

/** The windowed form computes a whole window for each score. */
export async function windowedCost(graph: Uint8Array, mels: number, frames: number): Promise<Cost> {
  const session = await openGraph(graph);
  const logmel = { values: new Float32Array(streams * frames * mels).fill(-4), shape: [streams, frames, mels] };
  const msPerWindow = (await fastestMs(() => runGraph(session, { logmel }))) / streams;
  await session.release();
  return { msPerWindow, msPerAudioSecond: msPerWindow, measuredOn: measuredOn() };
}

/** The windowed form of a network that takes tens of milliseconds or more: few runs will do, one window at a time. */
export async function waveformCost(graph: Uint8Array, samples: number): Promise<Cost> {
  const session = await openGraph(graph);
  const waveform = { values: new Float32Array(samples).fill(0.1), shape: [1, samples] };
  const msPerWindow = await fastestMs(() => runGraph(session, { waveform }), { batches: 5, runs: 1 });
  await session.release();
  return { msPerWindow, msPerAudioSecond: msPerWindow, measuredOn: measuredOn(1) };
}

/** The streaming form computes 100 new frames for each score, and the heads over the whole window. */
export async function streamingCost(
  { trunk, heads }: { trunk: Uint8Array; heads: Uint8Array },
  network: NetworkConfiguration,
  frames: number,
): Promise<Cost> {
  const [trunkSession, headsSession] = [await openGraph(trunk), await openGraph(heads)];
  const zeros = (...shape: number[]) => ({
    values: new Float32Array(shape.reduce((a, b) => a * b, streams)),
    shape: [streams, ...shape],
  });
  const state = zeros(stateValues(network));
  const run = async (session: InferenceSession, inputs: Parameters<typeof runGraph>[1]) =>
    (await fastestMs(() => runGraph(session, inputs))) / streams;
  const headsMs = await run(headsSession, { steps: zeros(frames / framesPerStep(network), network.width) });
  const trunkMs = (count: number) => run(trunkSession, { logmel: zeros(count, network.mels), state });
  const msPerAudioSecond = (await trunkMs(100)) + headsMs;
  const msPerWindow = (await trunkMs(frames)) + headsMs;
  await trunkSession.release();
  await headsSession.release();
  return { msPerWindow, msPerAudioSecond, measuredOn: measuredOn() };
}

/** CPU time, ms, in which libopus decodes a second of 24 kbit/s speech-like sound to 16 kHz: the reference for costs. */
export async function opusCost(): Promise<number> {
  const addon = loadNative();
  const random = Random.derive(1, 'opus cost');
  const seconds = 10;
  // Noise that comes and goes four times a second, as syllables do.
  const samples = Float32Array.from({ length: 16_000 * seconds }, (_, n) => {
    const syllable = Math.max(0, Math.sin((2 * Math.PI * 4 * n) / 16_000));
    return 0.2 * syllable * random.normal();
  });
  const packets = addon.encodeOpus(samples, {
    ...{ sampleRateHz: 16_000, channels: 1, bitrate: 24_000, frameMs: 20, complexity: 9, fec: false },
    ...{ packetLossPercent: 0, dtx: false, maxBandwidthHz: 0, application: 2048 },
  });
  return (await fastestMs(async () => addon.decodeOpus(packets))) / seconds;
}

/** CPU time, not wall time, of the fastest batch of runs: whatever else runs on the machine, sharing its caches, only adds. */
async function fastestMs(run: () => Promise<unknown>, { batches, runs } = { batches: 30, runs: 5 }): Promise<number> {
  for (let n = 0; n < runs; n++) await run();
  let fastest = Number.POSITIVE_INFINITY;
  for (let batch = 0; batch < batches; batch++) {
    const before = process.cpuUsage();
    for (let n = 0; n < runs; n++) await run();
    const { user, system } = process.cpuUsage(before);
    fastest = Math.min(fastest, (user + system) / 1000 / runs);
  }
  return fastest;
}
