import { type NativeEngine, pieceFields, stepFields, takenFields } from '../engine/contract.ts';
import type { StreamingModel } from '../model/streaming-model.ts';
import { frameMs } from '../model/window-shape.ts';
import { batchesOf } from './batches.ts';
import type { ListenedStream, ModelScorer, PolledStream, ScoredWindow, ScorerCounts, Window } from './inference.ts';
import { clampMos } from './interval.ts';
import { StepMemory } from './step-memory.ts';

/**
 * Frames that enter the trunk at once, after the first ones: a second, as in training, where the gain of all of them is that
 * of the moment when the last one is there.
 */
const pieceFrames = 100;

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
  /** Grows when what was heard is forgotten. */
  lives: number;
  window: Window | undefined;
}

/**
 * Takes the frames of each stream out of its ring, in pieces that begin and end where the amount of talk says and not the
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

  async listen<Listened extends ListenedStream>(
    streams: readonly Listened[],
    limit: number,
    lateMs: number,
  ): Promise<{ moved: Listened[]; late: number }> {
    let ready = streams.filter((stream) => this.#ear(stream.handle).waiting >= this.#pieceOf(stream));
    let late = 0;
    if (ready.length > limit) {
      ready.sort((a, b) => this.#ear(b.handle).waiting - this.#ear(a.handle).waiting);
      const behind = (stream: Listened) => this.#ear(stream.handle).waiting - this.#pieceOf(stream);
      late = ready.slice(limit).filter((stream) => behind(stream) * frameMs >= lateMs).length;
      ready = ready.slice(0, limit);
    }
    for (const [frames, batch] of batchesOf(ready, (stream) => this.#pieceOf(stream), maxBatch)) {
      await this.#embed(this.#present(batch), frames);
    }
    return { moved: this.#present(ready), late };
  }

  windowOf({ handle, row }: PolledStream): Window {
    const ear = this.#ear(handle);
    ear.window ??= this.#describe(ear);
    return { ...ear.window, overloadFrames: ear.window.overloadFrames + row.overloadFrames };
  }

  async score<Wanted extends PolledStream>(wanted: readonly Wanted[]): Promise<ScoredWindow<Wanted>[]> {
    const { width, maxSteps, stepThreshold } = this.#model.shape;
    const order = this.#model.manifest.outputs.causes?.order.length ?? 0;
    const stepsOf = ({ handle }: Wanted) => Math.min(maxSteps, this.#ear(handle).memory.count);
    const scored: ScoredWindow<Wanted>[] = [];
    for (const [steps, group] of batchesOf(wanted, stepsOf, maxBatch)) {
      const batch = this.#present(group).filter((stream) => stepsOf(stream) === steps);
      if (batch.length === 0) continue;
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
      windows.forEach((window, index) => {
        scored.push({
          ...window,
          mos: clampMos(mos[index] as number),
          sigma: sigma[index] as number,
          ...(causes === undefined ? {} : { causes: causes.slice(index * order, (index + 1) * order) }),
        });
      });
    }
    return scored;
  }

  toJSON(): ScorerCounts {
    return { windows: this.#taken, batches: this.#batches };
  }

  get #stepMs(): number {
    return this.#model.shape.framesPerStep * frameMs;
  }

  #ear(handle: number): Ear {
    return this.#ears.get(handle) as Ear;
  }

  /** Those that were not removed while a network ran. */
  #present<Polled extends PolledStream>(streams: readonly Polled[]): Polled[] {
    return streams.filter(({ handle }) => this.#ears.has(handle));
  }

  /** Frames that have to be there before any enters: as many as the first score needs, then a piece that ends where a score is due. */
  #pieceOf({ handle, dueInMs }: ListenedStream): number {
    const { memory, firstFrame } = this.#ear(handle);
    const { firstFrames, framesPerStep } = this.#model.shape;
    if (memory.count === 0) return firstFrames;
    const missing = Math.ceil(dueInMs(firstFrame) / this.#stepMs) * framesPerStep;
    const most = Math.ceil(pieceFrames / framesPerStep) * framesPerStep;
    return missing > 0 ? Math.min(missing, most) : most;
  }

  /** Takes the same number of frames of some streams out of their rings, and through the trunk. */
  async #embed(batch: readonly PolledStream[], frames: number): Promise<void> {
    if (batch.length === 0) return;
    const { framesPerStep, gainSteps, stateValues, normalise, floorLog10, width } = this.#model.shape;
    const newSteps = frames / framesPerStep;
    const ears = batch.map(({ handle }, index) => {
      const ear = this.#ear(handle);
      const loudest = ear.memory.loudest(gainSteps - newSteps);
      this.#pieces.set([handle, ear.firstFrame, loudest], index * pieceFields.length);
      this.#states.set(ear.memory.state, index * stateValues);
      return { ear, lives: ear.lives };
    });
    const pieces = this.#pieces.subarray(0, batch.length * pieceFields.length);
    this.#engine.takeFrames(pieces, frames, framesPerStep, normalise, floorLog10, this.#frames, this.#info);
    const { steps, speech, state } = await this.#model.embed(this.#frames, this.#states, batch.length, frames);
    this.#taken += batch.length;
    this.#batches++;
    const rowLength = takenFields.length + newSteps * stepFields.length;
    ears.forEach(({ ear, lives }, index) => {
      const row = index * rowLength;
      // What began anew, now or while the trunk ran, is seen with the next poll.
      if (this.#info[row] === 0 || ear.lives !== lives) {
        ear.waiting = 0;
        return;
      }
      ear.firstFrame += frames;
      ear.waiting -= frames;
      ear.window = undefined;
      ear.memory.state.set(state.subarray(index * stateValues, (index + 1) * stateValues));
      const endMs = this.#info[row + 1] as number;
      for (let n = 0; n < newSteps; n++) {
        const at = row + takenFields.length + n * stepFields.length;
        const step = index * newSteps + n;
        ear.memory.push({
          startMs: this.#info[at] as number,
          endMs,
          peak: this.#info[at + 1] as number,
          lostFrames: this.#info[at + 2] as number,
          overloadFrames: this.#info[at + 3] as number,
          speech: speech[step] as number,
          values: steps.subarray(step * width, (step + 1) * width),
        });
      }
    });
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

function forget(ear: Ear): void {
  ear.memory.reset();
  ear.lives++;
  ear.window = undefined;
}
