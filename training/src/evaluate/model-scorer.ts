import type { ModelManifest } from '../../../src/model/manifest.ts';
import { panelSigma } from '../../../src/model/panel.ts';
import type { InferenceSession } from '../../../src/model/runtime.ts';
import { readGraphFile, readPublished } from '../export/published.ts';
import { arrivalPeaks } from '../learning/windows.ts';
import { openGraph, runGraph, type Shaped } from '../onnx/session.ts';
import type { Heard } from './heard.ts';

/** What a model says of a clip. */
export interface Score {
  mos: number;
  /** Calibrated standard deviation. */
  sigma: number;
  /** Probabilities in the manifest's order. */
  causes?: Float32Array;
  /** Probability that somebody speaks in each step; only the streaming form tells. */
  speech?: Float32Array;
}

/** Frames that enter the streaming form at once: a second. */
const arrivalFrames = 100;

/** Scores clips with a model as a call would: whole clips, or as they come after other sound. */
export class ModelScorer {
  /** Of the manifest. */
  readonly path: string;
  readonly manifest: ModelManifest;
  readonly #main: InferenceSession;
  readonly #heads: InferenceSession | undefined;
  readonly #input: ModelManifest['input'];

  private constructor(path: string, manifest: ModelManifest, main: InferenceSession, heads?: InferenceSession) {
    this.path = path;
    this.manifest = manifest;
    this.#input = manifest.input;
    this.#main = main;
    this.#heads = heads;
  }

  /** @throws {TrainingError} invalid-input when a file is missing, or is not the one that the manifest speaks of */
  static async load(path: string): Promise<ModelScorer> {
    const manifest = readPublished(path);
    const open = (file: { file: string; sha256: string }) => openGraph(readGraphFile(path, file).bytes);
    const main = await open(manifest);
    const heads = manifest.streaming && (await open(manifest.streaming.heads));
    return new ModelScorer(path, manifest, main, heads);
  }

  /** What log-mel frames it hears. */
  get input(): Extract<ModelManifest['input'], { kind: 'logmel' }> {
    if (this.#input.kind !== 'logmel') throw new RangeError(`${this.manifest.name} hears a waveform`);
    return this.#input;
  }

  /** Whether it hears samples instead of frames. */
  get hearsWaveform(): boolean {
    return this.#input.kind === 'waveform';
  }

  /** Whether it can hear a clip as a part of a call. */
  get streams(): boolean {
    return this.manifest.streaming !== undefined;
  }

  /**
   * Scores a clip of at least one step. What is longer than the model's window is scored once per second, and the mean
   * taken. Shorter clips than the model's shortest window are scored all the same.
   *
   * @param before sound that is heard first and not scored; only in streaming form
   */
  async score(clip: Heard, before?: Heard): Promise<Score> {
    if (this.manifest.streaming) return this.#scoreStreaming(clip, before);
    if (before) throw new RangeError('before: the windowed form hears nothing before its window');
    return this.#scoreWindows(clip);
  }

  /** The same for a model that hears a waveform: `samples` at 16 kHz, -1 to 1; what is too short is filled up with silence. */
  async scoreWaveform(samples: Float32Array): Promise<Score> {
    const input = this.#input;
    if (input.kind !== 'waveform') throw new RangeError(`${this.manifest.name} hears log-mel frames`);
    const { name, normalisation } = input;
    const { min, max, multipleOf } = input.samples;
    const longest = Math.floor(max / multipleOf) * multipleOf;
    const length = Math.min(longest, Math.ceil(Math.max(samples.length, min) / multipleOf) * multipleOf);
    const scores: Score[] = [];
    for (const start of spread(Math.max(0, samples.length - length), input.sampleRateHz)) {
      const values = new Float32Array(length);
      values.set(samples.subarray(start, start + length));
      const peak = normalisation === 'peak' ? largest(values.map(Math.abs), 0, length) : 1;
      const normalised = peak > 0 ? values.map((value) => value / peak) : values;
      scores.push(this.#read(await runGraph(this.#main, { [name]: { values: normalised, shape: [1, length] } })));
    }
    return meanScore(scores);
  }

  async close(): Promise<void> {
    await this.#main.release();
    await this.#heads?.release();
  }

  async #scoreWindows({ logMel, peaks }: Heard): Promise<Score> {
    const { mels, frames, name } = this.input;
    const whole = (count: number) => Math.floor(count / frames.multipleOf) * frames.multipleOf;
    const length = whole(Math.min(peaks.length, frames.max));
    const scores: Score[] = [];
    for (const start of spread(peaks.length - length)) {
      const peak = largest(peaks, start, start + length);
      const values = this.#normalised(logMel, start, length, new Float32Array(length).fill(peak));
      scores.push(this.#read(await runGraph(this.#main, { [name]: { values, shape: [1, length, mels] } })));
    }
    return meanScore(scores);
  }

  async #scoreStreaming(clip: Heard, before?: Heard): Promise<Score> {
    const { state, steps, speech, gainFrames } = this.manifest.streaming as NonNullable<ModelManifest['streaming']>;
    const { mels, name } = this.input;
    const { framesPerStep, width, window } = steps;
    const whole = (count: number) => Math.floor(count / framesPerStep) * framesPerStep;
    const parts = [
      ...(before ? [newest(before, whole(before.peaks.length), mels)] : []),
      newest(clip, whole(clip.peaks.length), mels),
    ];
    const frames = parts.reduce((sum, { peaks }) => sum + peaks.length, 0);
    const logMel = new Float32Array(frames * mels);
    const peaks = new Float32Array(frames);
    let at = 0;
    for (const part of parts) {
      logMel.set(part.logMel, at * mels);
      peaks.set(part.peaks, at);
      at += part.peaks.length;
    }
    const firstFrame = frames - whole(clip.peaks.length);
    // Nothing enters before there is enough for a score.
    const first = window.min * framesPerStep;
    const levels = arrivalPeaks(peaks, first, arrivalFrames, gainFrames);
    const embedded = new Float32Array((frames / framesPerStep) * width);
    const spoken = new Float32Array(frames / framesPerStep);
    const scores: Score[] = [];
    let carried: Shaped = { values: new Float32Array(state.values), shape: [1, state.values] };
    for (
      let from = 0, to = Math.min(frames, first);
      from < frames;
      from = to, to = Math.min(frames, to + arrivalFrames)
    ) {
      const values = this.#normalised(logMel, from, to - from, levels.subarray(from, to));
      const outputs = await runGraph(this.#main, {
        [name]: { values, shape: [1, to - from, mels] },
        [state.input]: carried,
      });
      carried = outputs[state.output] as Shaped;
      embedded.set((outputs[steps.name] as Shaped).values, (from / framesPerStep) * width);
      spoken.set((outputs[speech] as Shaped).values, from / framesPerStep);
      // Once a second when the window is full, and at the end.
      const heard = (to - firstFrame) / framesPerStep;
      if (to < frames && heard < window.max) continue;
      const count = Math.min(heard, window.max);
      const last = to / framesPerStep;
      const shown = { values: embedded.subarray((last - count) * width, last * width), shape: [1, count, width] };
      scores.push(this.#read(await runGraph(this.#heads as InferenceSession, { [steps.name]: shown })));
    }
    return { ...meanScore(scores), speech: spoken.slice(firstFrame / framesPerStep) };
  }

  #normalised(logMel: Float32Array, from: number, frames: number, levels: Float32Array): Float32Array {
    const { mels, floorLog10, normalisation } = this.input;
    const values = logMel.slice(from * mels, (from + frames) * mels);
    for (let frame = 0; frame < frames; frame++) {
      const peak = normalisation === 'peak' ? (levels[frame] as number) : 1;
      const gain = peak > 0 ? -2 * Math.log10(peak) : 0;
      for (let n = frame * mels; n < (frame + 1) * mels; n++)
        values[n] = Math.max((values[n] as number) + gain, floorLog10);
    }
    return values;
  }

  #read(outputs: Readonly<Record<string, Shaped>>): Score {
    const { outputs: names, interval } = this.manifest;
    const value = (name: string) => (outputs[name] as Shaped).values[0] as number;
    const deviation = names.logVariance
      ? Math.exp(value(names.logVariance) / 2)
      : Math.sqrt(value(names.variance as string));
    const causes = names.causes && (outputs[names.causes.name] as Shaped).values;
    return {
      mos: Math.min(5, Math.max(1, value(names.mos))),
      sigma: panelSigma(deviation, interval),
      ...(causes ? { causes } : {}),
    };
  }
}

/** Places from 0 to `rest`, at most a second apart. */
function spread(rest: number, perSecond = 100): number[] {
  const gaps = Math.ceil(rest / perSecond);
  return Array.from({ length: gaps + 1 }, (_, n) => (gaps === 0 ? 0 : Math.round((n / gaps) * rest)));
}

function newest({ logMel, peaks }: Heard, frames: number, mels: number): Heard {
  const from = peaks.length - frames;
  return { logMel: logMel.subarray(from * mels), peaks: peaks.subarray(from) };
}

function largest(values: Float32Array, from: number, to: number): number {
  return values.subarray(from, to).reduce((most, value) => Math.max(most, value), 0);
}

function meanScore(scores: readonly Score[]): Score {
  const mean = (of: (score: Score) => number) => scores.reduce((sum, score) => sum + of(score), 0) / scores.length;
  const [first] = scores as [Score];
  return {
    mos: mean(({ mos }) => mos),
    sigma: mean(({ sigma }) => sigma),
    ...(first.causes
      ? { causes: first.causes.map((_, cause) => mean(({ causes }) => causes?.[cause] as number)) }
      : {}),
  };
}
