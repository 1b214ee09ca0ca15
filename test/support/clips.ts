import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The recordings below test/fixtures (16 kHz, mono, 16-bit); licences stand in test/fixtures/ATTRIBUTION.md. */
export const clips = [
  'speech/woman-1',
  'speech/woman-2',
  'speech/woman-3',
  'speech/man-1',
  'speech/man-2',
  'speech/man-3',
  'noise/kitchen',
  'noise/tap',
  'rooms/hall',
  'golden/0041',
  'golden/0130',
  'golden/0251',
] as const;

export type Clip = (typeof clips)[number];

/** Sample rate of every clip. */
export const clipSampleRateHz = 16000;

/** Where a clip's WAV file lies. */
export const clipPath = (clip: Clip): string => fileURLToPath(new URL(`../fixtures/${clip}.wav`, import.meta.url));

/** A clip's samples in [-1, 1). */
export function readClip(clip: Clip): Float32Array {
  const wav = readFileSync(clipPath(clip));
  if (wav.toString('latin1', 36, 40) !== 'data' || wav.readUInt32LE(24) !== clipSampleRateHz) {
    throw new Error(`${clip}: not a plain ${clipSampleRateHz} Hz WAV file`);
  }
  const sampleCount = wav.readUInt32LE(40) / 2;
  return Float32Array.from({ length: sampleCount }, (_, index) => wav.readInt16LE(44 + 2 * index) / 32768);
}

/** Golden values of one recording; what they are stands in test/fixtures/ATTRIBUTION.md. */
export interface Golden {
  frames: number;
  mels: number;
  peak: number;
  mos: number;
  logVariance: number;
  mosOfFirst320Frames: number;
  distillMos: number;
  mosFromUnnormalisedFrames: number;
}

const goldenFolder = new URL('../fixtures/golden/', import.meta.url);

/** The golden values and log-mel frames ([frames * mels], log10 power) of a golden clip. */
export function readGolden(clip: Extract<Clip, `golden/${string}`>): Golden & { logMel: Float32Array } {
  const name = clip.slice('golden/'.length);
  const values: Record<string, Golden> = JSON.parse(readFileSync(new URL('golden.json', goldenFolder), 'utf8'));
  const golden = values[`${name}.wav`];
  if (golden === undefined) throw new Error(`${clip}: not in golden.json`);
  const bytes = readFileSync(new URL(`${name}.logmel.f32`, goldenFolder));
  const logMel = Float32Array.from({ length: golden.frames * golden.mels }, (_, index) => bytes.readFloatLE(4 * index));
  return { ...golden, logMel };
}
