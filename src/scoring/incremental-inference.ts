import { type NativeEngine, pieceFields, stepFields, takenFields } from '../engine/contract.ts';
import type { Embedded, StreamingModel } from '../model/streaming-model.ts';
import { frameMs } from '../model/window-shape.ts';
import { batchesOf } from './batches.ts';
import {
  faultOf,
  type Listened,
  type ListenedStream,
  type ModelScorer,
  type PolledStream,
  type Scored,
  type ScoredWindow,
  type ScorerCounts,
  type Window,
} from './inference.ts';
import { clampMos } from './interval.ts';
import { type Failed, isolate } from './isolate.ts';
import { StepMemory } from './step-memory.ts';

/**
 * Frames that enter the trunk at once, after the first ones: a second, as in training, where the gain of all of them is that
 * of the moment when the last one is there.
 */
const pieceFrames = 100;

/** No piece before a first score is shorter, ms: each is a run of the network. */
const leastPieceMs = 200;

/** Streams that share a run of a network: of 1, 4, 8 and 16, 16 cost least on a student of 160 thousand parameters. */
const maxBatch = 16;

/** Of one stream. */
interface Ear {
  readonly memory: StepMemory;
  /** Frames that wait in the ring, and the number of the first of them: all that were taken in come before it. */
  waiting: number;
  firstFrame: number;
  restarts: number;
  overrunFrames: number;
  /** Grows when the state is forgotten. */
  lives: number;
  window: Window | undefined;
}

/** A piece of a stream in the tensors of the trunk. */
interface Piece<Stream extends PolledStream> {
  readonly stream: Stream;
  readonly ear: Ear;
  /** Its row in the tensors. */
  readonly index: number;
  /** Those of the ear when the piece was taken. */
  readonly lives: number;
}

/**
 * Takes the frames of each stream out of its ring, in pieces that begin and end by the amount of talk and not by the
 * clock: the same packets give the same scores, whenever they are looked at. Each piece runs through the trunk once; a score
 * runs the heads over the newest steps.
 */
export class StreamingScorer implements ModelScorer {
  readonly bytesPerStream: number;
  readonly #engine: NativeEngine;
  readonly #model: StreamingModel;
  readonly #forgetMs: number;
  readonly #ears = new Map<number, Ear>();
  readonly #frames: Float32Array;
  readonly #states: Float32Array;
  readonly #steps: Float32Array;
  readonly #pieces = new Float64Array(maxBatch * pieceFields.length);
  readonly #info: Float64Array;
  #taken = 0;
  #batches = 0;

  constructor(engine: NativeEngine, model: StreamingModel, forgetMs: number) {
    const { firstFrames, framesPerStep, mels, stateValues, maxSteps, width } = model.shape;
    const mostFrames = Math.max(firstFrames, pieceFrames);
    this.#engine = engine;
    this.#model = model;
    this.#forgetMs = forgetMs;
    this.bytesPerStream = StepMemory.bytes(model.shape);
    this.#frames = new Float32Array(maxBatch * mostFrames * mels);
    this.#states = new Float32Array(maxBatch * stateValues);
    this.#steps = new Float32Array(maxBatch * maxSteps * width);
    this.#info = new Float64Array(
      maxBatch * (takenFields.length + Math.ceil(mostFrames / framesPerStep) * stepFields.length),
    );
  }

  add(handle: number): void {
    this.#ears.set(handle, {
      memory: new StepMemory(this.#model.shape),
      ...{ waiting: 0, firstFrame: 0, restarts: 0, overrunFrames: 0, lives: 0, window: undefined },
    });
  }

  remove(handle: number): void {
    this.#ears.delete(handle);
  }

  reset(handle: number): void {
    forget(this.#ear(handle));
  }

  update({ handle, row }: PolledStream, nowMs: number): void {
    const ear = this.#ear(handle);
    ear.waiting = row.ringFrames;
    ear.firstFrame = row.talkFrames - row.ringFrames;
    if (row.restarts !== ear.restarts || row.overrunFrames > ear.overrunFrames) forget(ear);
    ear.restarts = row.restarts;
    ear.overrunFrames = row.overrunFrames;
    const { memory } = ear;
    const before = memory.count;
    memory.forgetBefore(nowMs - this.#forgetMs);
    if (memory.count === before) return;
    ear.window = undefined;
    if (memory.count === 0) forget(ear);
  }

  async listen<Stream extends ListenedStream>(
    streams: readonly Stream[],
    limit: number,
    lateMs: number,
  ): Promise<Listened<Stream>> {
    let ready = this.#present(streams).filter((stream) => this.#ear(stream.handle).waiting >= this.#pieceOf(stream));
    let late = 0;
    if (ready.length > limit) {
      ready.sort((a, b) => this.#ear(b.handle).waiting - this.#ear(a.handle).waiting);
      const behind = (stream: Stream) => this.#ear(stream.handle).waiting - this.#pieceOf(stream);
      late = ready.slice(limit).filter((stream) => behind(stream) * frameMs >= lateMs).length;
      ready = ready.slice(0, limit);
    }
    const failed: Failed<Stream>[] = [];
    for (const [frames, batch] of batchesOf(ready, (stream) => this.#pieceOf(stream), maxBatch)) {
      failed.push(...(await this.#embed(batch, frames)));
    }
    const broken = new Set(failed.map(({ item }) => item));
    return { moved: this.#present(ready).filter((stream) => !broken.has(stream)), late, failed };
  }

  windowOf({ handle, row }: PolledStream): Window {
    const ear = this.#ear(handle);
    ear.window ??= this.#describe(ear);
    return { ...ear.window, overloadFrames: ear.window.overloadFrames + row.overloadFrames };
  }

  async score<Wanted extends PolledStream>(wanted: readonly Wanted[]): Promise<Scored<Wanted>> {
    const { maxSteps } = this.#model.shape;
    const stepsOf = ({ handle }: Wanted) => Math.min(maxSteps, this.#ear(handle).memory.count);
    const scored: ScoredWindow<Wanted>[] = [];
    const failed: Failed<Wanted>[] = [];
    for (const [steps, group] of batchesOf(this.#present(wanted), stepsOf, maxBatch)) {
      const run = async (part: readonly Wanted[]) => {
        const batch = this.#present(part).filter((stream) => stepsOf(stream) === steps);
        for (const window of await this.#scoreBatch(batch, steps)) {
          const error = faultOf(window);
          if (error === undefined) scored.push(window);
          else failed.push({ item: window.wanted, error });
        }
      };
      failed.push(...(await isolate(group, run)));
    }
    return { scored, failed };
  }

  /** Runs the heads over the newest steps of some streams, the same number of each. */
  async #scoreBatch<Wanted extends PolledStream>(
    batch: readonly Wanted[],
    steps: number,
  ): Promise<ScoredWindow<Wanted>[]> {
    if (batch.length === 0) return [];
    const { width, stepThreshold } = this.#model.shape;
    const order = this.#model.manifest.outputs.causes?.order.length ?? 0;
    const windows = batch.map((stream, index) => {
      const { memory, firstFrame } = this.#ear(stream.handle);
      memory.copyNewest(steps, this.#steps, index * steps * width);
      return {
        wanted: stream,
        startMs: memory.startMs(steps),
        endMs: memory.endMs,
        talkFrames: firstFrame,
        overloadFrames: memory.overloadFrames(steps),
        speechMs: memory.spokenSteps(steps, stepThreshold) * this.#stepMs,
      };
    });
    const { mos, sigma, causes } = await this.#model.score(this.#steps, batch.length, steps);
    return windows.map((window, index) => ({
      ...window,
      mos: clampMos(mos[index] as number),
      sigma: sigma[index] as number,
      ...(causes === undefined ? {} : { causes: causes.slice(index * order, (index + 1) * order) }),
    }));
  }

  toJSON(): ScorerCounts {
    return { windows: this.#taken, batches: this.#batches };
  }

  get #stepMs(): number {
    return this.#model.shape.framesPerStep * frameMs;
  }

  #ear(handle: number): Ear {
    const ear = this.#ears.get(handle);
    if (ear === undefined) throw new RangeError(`there is no stream with handle ${handle}`);
    return ear;
  }

  /** Those that were not removed meanwhile: to be asked after everything that was waited for. */
  #present<Polled extends PolledStream>(streams: readonly Polled[]): Polled[] {
    return streams.filter(({ handle }) => this.#ears.has(handle));
  }

  /**
   * Frames that have to be there before any enters: as many as the first score needs; then, while the window is short, as
   * many as the speech that is still missing in it; then a piece that ends where a score is due.
   */
  #pieceOf({ handle, dueInMs, minSpeechMs }: ListenedStream): number {
    const ear = this.#ear(handle);
    const { memory, firstFrame } = ear;
    const { firstFrames, framesPerStep, minSteps } = this.#model.shape;
    if (memory.count === 0) return firstFrames;
    const framesOf = (ms: number) => Math.ceil(ms / this.#stepMs) * framesPerStep;
    const most = Math.ceil(pieceFrames / framesPerStep) * framesPerStep;
    const untilDue = framesOf(dueInMs(firstFrame));
    if (untilDue > 0) return Math.min(untilDue, most);
    ear.window ??= this.#describe(ear);
    const missingMs = minSpeechMs - ear.window.speechMs;
    if (missingMs <= 0 || memory.count >= 2 * minSteps) return most;
    return Math.min(framesOf(Math.max(missingMs, leastPieceMs)), most);
  }

  /** Takes the same number of frames of some streams out of their rings, and through the trunk. */
  async #embed<Stream extends PolledStream>(streams: readonly Stream[], frames: number): Promise<Failed<Stream>[]> {
    const batch = this.#present(streams);
    const failed: Failed<Stream>[] = [];
    let pieces: Piece<Stream>[];
    try {
      pieces = this.#take(batch, frames);
    } catch (error) {
      const [only, ...others] = batch;
      if (only !== undefined && others.length === 0) return [{ item: only, error }];
      for (const stream of batch) failed.push(...(await this.#embed([stream], frames)));
      return failed;
    }
    // What is taken is in the tensors: those that fail together are run again from there.
    const alone = await isolate(pieces, async (part) => {
      failed.push(...(await this.#run(part, frames)));
    });
    return [...failed, ...alone.map(({ item, error }) => ({ item: item.stream, error }))];
  }

  #take<Stream extends PolledStream>(batch: readonly Stream[], frames: number): Piece<Stream>[] {
    const { framesPerStep, gainSteps, stateValues, normalise, floorLog10 } = this.#model.shape;
    const newSteps = frames / framesPerStep;
    const taken = batch.map((stream, index) => {
      const ear = this.#ear(stream.handle);
      const loudest = ear.memory.loudest(gainSteps - newSteps);
      this.#pieces.set([stream.handle, ear.firstFrame, loudest], index * pieceFields.length);
      this.#states.set(ear.memory.state, index * stateValues);
      return { stream, ear, index, lives: ear.lives };
    });
    const pieces = this.#pieces.subarray(0, batch.length * pieceFields.length);
    this.#engine.takeFrames(pieces, frames, framesPerStep, normalise, floorLog10, this.#frames, this.#info);
    return taken;
  }

  /** Runs the trunk over pieces that follow each other in the tensors; returns those of which it made no numbers. */
  async #run<Stream extends PolledStream>(pieces: readonly Piece<Stream>[], frames: number): Promise<Failed<Stream>[]> {
    const { framesPerStep, stateValues, mels } = this.#model.shape;
    const first = pieces[0]?.index ?? 0;
    const input = this.#frames.subarray(first * frames * mels);
    const states = this.#states.subarray(first * stateValues);
    const embedded = await this.#model.embed(input, states, pieces.length, frames);
    this.#taken += pieces.length;
    this.#batches++;
    const newSteps = frames / framesPerStep;
    const failed: Failed<Stream>[] = [];
    pieces.forEach(({ stream, ear, index, lives }, at) => {
      // What restarted, now or while the trunk ran, is seen with the next poll.
      if (this.#info[index * rowLength(newSteps)] === 0 || ear.lives !== lives) {
        ear.waiting = 0;
        return;
      }
      const part = this.#partOf(embedded, at, newSteps);
      if (![part.steps, part.speech, part.state].every((values) => values.every(Number.isFinite))) {
        failed.push({ item: stream, error: new Error('the model gave no numbers for the frames of a stream') });
        return;
      }
      ear.firstFrame += frames;
      ear.waiting -= frames;
      ear.window = undefined;
      ear.memory.state.set(part.state);
      this.#remember(ear, index, part, newSteps);
    });
    return failed;
  }

  /** What the trunk made of the `at`-th of its pieces. */
  #partOf({ steps, speech, state }: Embedded, at: number, newSteps: number): Embedded {
    const { stateValues, width } = this.#model.shape;
    return {
      steps: steps.subarray(at * newSteps * width, (at + 1) * newSteps * width),
      speech: speech.subarray(at * newSteps, (at + 1) * newSteps),
      state: state.subarray(at * stateValues, (at + 1) * stateValues),
    };
  }

  #remember({ memory }: Ear, index: number, { steps, speech }: Embedded, newSteps: number): void {
    const { width } = this.#model.shape;
    const row = index * rowLength(newSteps);
    const endMs = this.#info[row + 1] as number;
    for (let step = 0; step < newSteps; step++) {
      const at = row + takenFields.length + step * stepFields.length;
      memory.push({
        startMs: this.#info[at] as number,
        endMs,
        peak: this.#info[at + 1] as number,
        lostFrames: this.#info[at + 2] as number,
        overloadFrames: this.#info[at + 3] as number,
        speech: speech[step] as number,
        values: steps.subarray(step * width, (step + 1) * width),
      });
    }
  }

  #describe({ memory, firstFrame, overrunFrames }: Ear): Window {
    const { framesPerStep, minSteps, maxSteps, stepThreshold, windowThreshold } = this.#model.shape;
    const steps = Math.min(maxSteps, memory.count);
    const spoken = memory.spokenSteps(steps, stepThreshold);
    return {
      frames: steps * framesPerStep,
      lostFrames: memory.lostFrames(steps),
      overloadFrames: memory.overloadFrames(steps),
      overrunFrames,
      enough: steps >= minSteps,
      speechMs: spoken * this.#stepMs,
      speechless: spoken === 0 || memory.speech(steps) < windowThreshold * steps,
      talkFrames: firstFrame,
    };
  }
}

/** Values of a piece in the output of `takeFrames`. */
function rowLength(newSteps: number): number {
  return takenFields.length + newSteps * stepFields.length;
}

function forget(ear: Ear): void {
  ear.memory.reset();
  ear.lives++;
  ear.window = undefined;
}
