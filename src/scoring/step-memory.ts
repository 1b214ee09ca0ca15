import type { StreamingShape } from '../model/streaming-model.ts';

/** Some frames of talk, as the trunk sees them. */
export interface Step {
  /** Of its first frame, Unix ms. */
  startMs: number;
  /** Of what entered the trunk together with it, Unix ms. */
  endMs: number;
  /** Largest absolute sample, 0 to 1. */
  peak: number;
  lostFrames: number;
  overloadFrames: number;
  /** Probability of speech. */
  speech: number;
  /** [width] */
  values: Float32Array;
}

/** Largest code of a value of a step. */
const codeRange = 32_767;

/**
 * What a streaming model remembers of one stream, in memory of a fixed size: the state of its trunk and the newest steps that
 * came out of it, as many as a score looks at. The values of a step are kept as 16-bit fractions of the largest of them,
 * which is within 1.6e-5 of it.
 */
export class StepMemory {
  /** [stateValues]; all zero at first. */
  readonly state: Float32Array;
  readonly #capacity: number;
  readonly #width: number;
  readonly #startMs: Float64Array;
  readonly #scale: Float32Array;
  readonly #peak: Float32Array;
  readonly #speech: Float32Array;
  readonly #codes: Int16Array;
  readonly #lostFrames: Uint8Array;
  readonly #overloadFrames: Uint8Array;
  #head = 0;
  #count = 0;
  #endMs = 0;

  constructor(shape: StreamingShape) {
    const { width, stateValues } = shape;
    const steps = capacityOf(shape);
    this.#capacity = steps;
    this.#width = width;
    const memory = new ArrayBuffer(StepMemory.bytes(shape));
    let at = 0;
    const next = <Values>(
      Kind: { new (buffer: ArrayBuffer, offset: number, length: number): Values; BYTES_PER_ELEMENT: number },
      length: number,
    ): Values => {
      const values = new Kind(memory, at, length);
      at += length * Kind.BYTES_PER_ELEMENT;
      return values;
    };
    // From the widest to the narrowest: each has to begin at a multiple of its own size.
    this.#startMs = next(Float64Array, steps);
    this.state = next(Float32Array, stateValues);
    this.#scale = next(Float32Array, steps);
    this.#peak = next(Float32Array, steps);
    this.#speech = next(Float32Array, steps);
    this.#codes = next(Int16Array, steps * width);
    this.#lostFrames = next(Uint8Array, steps);
    this.#overloadFrames = next(Uint8Array, steps);
  }

  /** Size of the memory of a stream. */
  static bytes(shape: StreamingShape): number {
    return 4 * shape.stateValues + capacityOf(shape) * (8 + 3 * 4 + 2 * shape.width + 2);
  }

  /** Steps that are kept now. */
  get count(): number {
    return this.#count;
  }

  /** End of the newest step, Unix ms. */
  get endMs(): number {
    return this.#endMs;
  }

  /** As a new stream. */
  reset(): void {
    this.state.fill(0);
    this.#count = 0;
    this.#endMs = 0;
  }

  /** Steps that began before this moment, Unix ms, are forgotten. */
  forgetBefore(momentMs: number): void {
    while (this.#count > 0 && this.startMs(this.#count) < momentMs) this.#count--;
  }

  /** The oldest step goes when there is no more room. */
  push(step: Step): void {
    const { values } = step;
    const slot = this.#head;
    this.#startMs[slot] = step.startMs;
    this.#endMs = step.endMs;
    this.#peak[slot] = step.peak;
    this.#lostFrames[slot] = step.lostFrames;
    this.#overloadFrames[slot] = step.overloadFrames;
    this.#speech[slot] = step.speech;
    const width = this.#width;
    const codes = this.#codes;
    let largest = 0;
    for (let n = 0; n < width; n++) largest = Math.max(largest, Math.abs(values[n] as number));
    const scale = largest / codeRange;
    this.#scale[slot] = scale;
    const to = slot * width;
    for (let n = 0; n < width; n++) {
      codes[to + n] = scale === 0 ? 0 : Math.round((values[n] as number) / scale);
    }
    this.#head = (slot + 1) % this.#capacity;
    this.#count = Math.min(this.#capacity, this.#count + 1);
  }

  /** Writes the newest `steps` steps to `out` [steps][width], from `at` on, oldest first. */
  copyNewest(steps: number, out: Float32Array, at: number): void {
    const width = this.#width;
    const codes = this.#codes;
    let to = at;
    for (let age = steps; age > 0; age--) {
      const slot = this.#slot(age);
      const scale = this.#scale[slot] as number;
      const end = (slot + 1) * width;
      for (let n = slot * width; n < end; n++) out[to++] = (codes[n] as number) * scale;
    }
  }

  /** Start of the `steps`-th newest step, Unix ms. */
  startMs(steps: number): number {
    return this.#startMs[this.#slot(steps)] as number;
  }

  /** Largest absolute sample of the newest `steps` steps, or of all when there are fewer. */
  loudest(steps: number): number {
    return this.#reduce(steps, this.#peak, Math.max);
  }

  lostFrames(steps: number): number {
    return this.#reduce(steps, this.#lostFrames, sum);
  }

  overloadFrames(steps: number): number {
    return this.#reduce(steps, this.#overloadFrames, sum);
  }

  /** Sum of the speech probabilities of the newest steps. */
  speech(steps: number): number {
    return this.#reduce(steps, this.#speech, sum);
  }

  /** Of the newest steps, those whose speech probability is at least `threshold`. */
  spokenSteps(steps: number, threshold: number): number {
    return this.#reduce(steps, this.#speech, (count, probability) => count + (probability >= threshold ? 1 : 0));
  }

  #slot(age: number): number {
    return (this.#head + this.#capacity - age) % this.#capacity;
  }

  #reduce(steps: number, values: ArrayLike<number>, add: (total: number, value: number) => number): number {
    let total = 0;
    for (let age = Math.min(steps, this.#count); age > 0; age--) total = add(total, values[this.#slot(age)] as number);
    return total;
  }
}

const sum = (total: number, value: number) => total + value;

/** Steps that are kept: those of a window, and those that fix the gain. */
function capacityOf({ maxSteps, gainSteps }: StreamingShape): number {
  return Math.max(maxSteps, gainSteps);
}
