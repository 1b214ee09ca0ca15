import type { Random } from '../run/random.ts';
import { framesPerStep, type NetworkConfiguration } from '../student/configuration.ts';
import type { WindowConfiguration } from './configuration.ts';
import { bendSpectra, drawTone } from './tone.ts';
import { warpFrequencies } from './warp.ts';

/** A clip as it was heard, and what is known of it. */
export interface ClipData {
  /** [frames][mels]: log10 of power, not normalised. */
  logMel: Float32Array;
  /** [frames]: largest absolute sample. */
  peaks: Float32Array;
  /** [frames]: 1 where somebody speaks; null where it is not known. */
  speech: Uint8Array | null;
  mos: number | null;
  /** 0 or 1 each; null where they are not known. */
  causes: readonly number[] | null;
}

/** Constants of the input. */
export interface InputShape {
  mels: number;
  framesPerStep: number;
  /** After normalisation nothing is lower: log10 of power. */
  floorLog10: number;
}

export const floorLog10 = -8;

export function inputShapeOf(network: NetworkConfiguration): InputShape {
  return { mels: network.mels, framesPerStep: framesPerStep(network), floorLog10 };
}

/** Sequences for one step of training, values row by row. */
export interface Batch {
  size: number;
  /** Frames and steps of each sequence. */
  frames: number;
  steps: number;
  /** [size][frames][mels], normalised. */
  logMel: Float32Array;
  /** [size][steps]: 1 in the window, which comes last, 0 in what comes before it. */
  window: Float32Array;
  /** [size][steps], and where it is known. */
  speech: Float32Array;
  speechKnown: Float32Array;
  /** [size], and where it is known. */
  mos: Float32Array;
  mosKnown: Float32Array;
  /** [size][causes], and where they are known. */
  causes: Float32Array;
  causesKnown: Float32Array;
}

/** What is drawn for one sequence: frames of other sound, then the window. */
export interface SequencePlan {
  clip: ClipData;
  /** First frame of the window in its clip, and its length, a whole number of steps. */
  start: number;
  length: number;
  /** Sound before the window, its newest frames last; repeated when it is too short. */
  before: ClipData;
  gain: { kind: 'window' } | { kind: 'arrival'; firstFrames: number };
  gainDb: number;
  /** Factor of frequencies (`warpFrequencies`). Default: none. */
  warp?: number;
  /** Added to each frame (`drawTone`). Default: nothing. */
  tone?: Float32Array;
}

/** Draws windows, contexts and gains for clips, and lays them out. The sound before a window is that of the next clip. */
export function trainingBatch(
  clips: readonly ClipData[],
  random: Random,
  windows: WindowConfiguration,
  shape: InputShape,
): Batch {
  const { framesPerStep } = shape;
  const whole = (frames: number) => Math.floor(frames / framesPerStep) * framesPerStep;
  const drawn = (low: number, high: number) => {
    const { granularity } = windows;
    return whole(Math.min(high, Math.ceil(random.integer(low, high) / granularity) * granularity));
  };
  const wanted = random.chance(windows.shortened) ? drawn(windows.shortest, windows.longest) : whole(windows.longest);
  const context = random.chance(windows.context) ? drawn(1, windows.contextFrames) : 0;
  const plans = clips.map((clip, index): SequencePlan => {
    const length = Math.min(wanted, whole(clip.peaks.length));
    const arrival = random.chance(windows.arrivalGain);
    return {
      clip,
      length,
      start: random.integer(0, clip.peaks.length - length),
      before: clips[(index + 1) % clips.length] as ClipData,
      gain: arrival
        ? { kind: 'arrival', firstFrames: context === 0 ? windows.shortest : random.integer(1, windows.arrivalFrames) }
        : { kind: 'window' },
      gainDb: random.uniform(...windows.gainDb),
      ...(windows.warped > 0 && random.chance(windows.warped)
        ? { warp: Math.exp(windows.warpRange * random.uniform(-1, 1)) }
        : {}),
      ...(windows.toned > 0 && random.chance(windows.toned)
        ? { tone: drawTone(shape.mels, windows.toneDb, random) }
        : {}),
    };
  });
  const frames = Math.max(...plans.map(({ length }) => length)) + context;
  return layOut(plans, frames, windows, shape);
}

/** A frame in which nothing is heard. */
function silence(mels: number): ClipData {
  return {
    logMel: new Float32Array(mels).fill(floorLog10),
    peaks: new Float32Array(1),
    speech: null,
    mos: null,
    causes: null,
  };
}

/** Lays sequences out, each `frames` long, the window at its end. */
export function layOut(
  plans: readonly SequencePlan[],
  frames: number,
  windows: Pick<WindowConfiguration, 'shortest' | 'longest' | 'arrivalFrames'>,
  { mels, framesPerStep, floorLog10 }: InputShape,
): Batch {
  const size = plans.length;
  const steps = frames / framesPerStep;
  const causeCount = plans.find(({ clip }) => clip.causes)?.clip.causes?.length ?? 0;
  const batch: Batch = {
    ...{ size, frames, steps },
    logMel: new Float32Array(size * frames * mels),
    window: new Float32Array(size * steps),
    speech: new Float32Array(size * steps),
    speechKnown: new Float32Array(size * steps),
    mos: new Float32Array(size),
    mosKnown: new Float32Array(size),
    causes: new Float32Array(size * causeCount),
    causesKnown: new Float32Array(size * causeCount),
  };
  for (const [row, { clip, start, length, gain, gainDb, warp, tone, ...plan }] of plans.entries()) {
    const context = frames - length;
    // A clip may have no frames: all its packets were lost, or nothing passed the talk gate.
    const before = plan.before.peaks.length > 0 ? plan.before : silence(mels);
    // Where the frame at a place of the sequence comes from: this frame of `before` in the context, of `clip` after it.
    const total = before.peaks.length;
    const frameAt = Int32Array.from({ length: frames }, (_, place) =>
      place >= context ? start + place - context : (((total - context + place) % total) + total) % total,
    );
    const peaks = new Float32Array(frames);
    for (let place = 0; place < frames; place++) {
      peaks[place] = (place >= context ? clip : before).peaks[frameAt[place] as number] as number;
    }
    const levels =
      gain.kind === 'window'
        ? windowPeaks(peaks, context)
        : arrivalPeaks(peaks, gain.firstFrames, windows.arrivalFrames, windows.longest);
    for (let place = 0; place < frames; place++) {
      const { logMel } = place >= context ? clip : before;
      const peak = levels[place] as number;
      const offset = gainDb / 10 - (peak > 0 ? 2 * Math.log10(peak) : 0);
      const to = (row * frames + place) * mels;
      shift(logMel, (frameAt[place] as number) * mels, batch.logMel, to, mels, offset, floorLog10);
    }
    const own = batch.logMel.subarray(row * frames * mels, (row + 1) * frames * mels);
    if (warp !== undefined) warpFrequencies(own, mels, warp);
    if (tone !== undefined) bendSpectra(own, tone, floorLog10);
    for (let step = 0; step < steps; step++) {
      const at = row * steps + step;
      batch.window[at] = step * framesPerStep >= context ? 1 : 0;
      let [spoken, known] = [0, 0];
      for (let place = step * framesPerStep; place < (step + 1) * framesPerStep; place++) {
        const { speech } = place >= context ? clip : before;
        if (!speech) continue;
        known++;
        spoken += speech[frameAt[place] as number] as number;
      }
      batch.speechKnown[at] = known === framesPerStep ? 1 : 0;
      batch.speech[at] = 2 * spoken >= framesPerStep ? 1 : 0;
    }
    if (clip.mos !== null && length >= windows.shortest) {
      batch.mos[row] = clip.mos;
      batch.mosKnown[row] = 1;
    }
    if (clip.causes) {
      batch.causes.set(clip.causes, row * causeCount);
      batch.causesKnown.fill(1, row * causeCount, (row + 1) * causeCount);
    }
  }
  return batch;
}

/** Adds `offset` to `count` values; nothing is left below `floor`. A function of its own: millions of values a step. */
function shift(
  from: Float32Array,
  fromStart: number,
  to: Float32Array,
  toStart: number,
  count: number,
  offset: number,
  floor: number,
): void {
  for (let n = 0; n < count; n++) {
    const value = (from[fromStart + n] as number) + offset;
    to[toStart + n] = value < floor ? floor : value;
  }
}

/** The peak of the window for each of its frames, that of what came before for the others. */
function windowPeaks(peaks: Float32Array, context: number): Float32Array {
  const levels = new Float32Array(peaks.length);
  levels.fill(largest(peaks, 0, context), 0, context);
  levels.fill(largest(peaks, context, peaks.length), context);
  return levels;
}

/**
 * Frames arrive in groups, the first of them when a call has enough for a score; the gain of a group is fixed when it arrives, by the peak of the newest `longest` frames with
 * itself: what a live call does.
 */
export function arrivalPeaks(peaks: Float32Array, first: number, group: number, longest: number): Float32Array {
  const levels = new Float32Array(peaks.length);
  for (let from = 0, to = first; from < peaks.length; from = to, to += group) {
    const end = Math.min(to, peaks.length);
    levels.fill(largest(peaks, Math.max(0, end - longest), end), from, end);
  }
  return levels;
}

function largest(values: Float32Array, from: number, to: number): number {
  let peak = 0;
  for (let n = from; n < to; n++) peak = Math.max(peak, values[n] as number);
  return peak;
}
