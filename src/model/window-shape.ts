import type { ModelInput } from './manifest.ts';

/** Samples of one frame of the ring: 10 ms at 16 kHz. */
export const samplesPerFrame = 160;
/** Length of one frame of the ring, ms. */
export const frameMs = 10;

/** How a model's windows are read from the ring, in frames of 10 ms. */
export interface WindowShape {
  readonly minFrames: number;
  readonly maxFrames: number;
  /** Only multiples of this. */
  readonly stepFrames: number;
  /** Log-mel bands, or samples. */
  readonly valuesPerFrame: number;
  readonly normalise: boolean;
  /** Lowest value after normalisation, log10; 0 for waveforms, which have none. */
  readonly floorLog10: number;
}

/** Undefined when no number of whole frames fits the model. */
export function windowShapeOf(input: ModelInput): WindowShape | undefined {
  const perFrame = input.kind === 'logmel' ? 1 : samplesPerFrame;
  const { min, max, multipleOf } = input.kind === 'logmel' ? input.frames : input.samples;
  const stepFrames = multipleOf / greatestCommonDivisor(multipleOf, perFrame);
  const minFrames = Math.ceil(min / perFrame / stepFrames) * stepFrames;
  const maxFrames = Math.floor(max / perFrame / stepFrames) * stepFrames;
  if (minFrames > maxFrames) return undefined;
  return {
    minFrames,
    maxFrames,
    stepFrames,
    valuesPerFrame: input.kind === 'logmel' ? input.mels : samplesPerFrame,
    normalise: input.normalisation === 'peak',
    floorLog10: input.kind === 'logmel' ? input.floorLog10 : 0,
  };
}

/** Talk that is worth reading, however short the model's windows may be: 0.5 s. */
const leastFrames = 50;

/**
 * Frames to read of `available`: the longest window, or all of them, in whole steps, where they are fewer than the shortest
 * one; 0 for less than half a second.
 */
export function readableFrames(shape: WindowShape, available: number): number {
  const whole = windowFrames(shape, available);
  if (whole > 0) return whole;
  const frames = Math.floor(available / shape.stepFrames) * shape.stepFrames;
  return frames >= Math.min(leastFrames, shape.minFrames) ? frames : 0;
}

/** Makes [count][values] at the start of `data` [count][wanted], each row repeated until it is full. */
export function repeatInPlace(data: Float32Array, count: number, values: number, wanted: number): void {
  if (values >= wanted) return;
  for (let row = count - 1; row >= 0; row--) {
    const start = row * wanted;
    data.copyWithin(start, row * values, (row + 1) * values);
    for (let filled = values; filled < wanted; filled += values) {
      data.copyWithin(start + filled, start, start + Math.min(values, wanted - filled));
    }
  }
}

/** The longest window that `available` frames give; 0 when they are too few. */
export function windowFrames({ minFrames, maxFrames, stepFrames }: WindowShape, available: number): number {
  const frames = Math.floor(Math.min(available, maxFrames) / stepFrames) * stepFrames;
  return frames >= minFrames ? frames : 0;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
