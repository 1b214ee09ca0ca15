import { type NativeEngine, pieceFields } from '../../src/engine/contract.ts';

/** Log-mel bands of the models of the tests. */
const mels = 64;

/** An engine of which the frames of some streams begin with what is no number. */
export class PoisonedEngine {
  readonly engine: NativeEngine;
  /** Methods that take the place of the engine's. */
  readonly overrides: Partial<NativeEngine>;
  /** Handles. */
  readonly poisoned = new Set<number>();
  /** The newest one. */
  handle = 0;

  constructor(engine: NativeEngine) {
    this.overrides = {
      addStream: (options) => {
        this.handle = engine.addStream(options);
        return this.handle;
      },
      readWindows: (handles, frames, normalise, floor, out, info) => {
        engine.readWindows(handles, frames, normalise, floor, out, info);
        this.#poison(handles, out, frames * mels);
      },
      takeFrames: (pieces, frames, framesPerStep, normalise, floor, out, info) => {
        engine.takeFrames(pieces, frames, framesPerStep, normalise, floor, out, info);
        this.#poison(
          pieces.filter((_, index) => index % pieceFields.length === 0),
          out,
          frames * mels,
        );
      },
    };
    const { overrides } = this;
    this.engine = new Proxy(engine, {
      get(target, name) {
        const own = overrides[name as keyof NativeEngine];
        if (own !== undefined) return own;
        const value = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  #poison(handles: Float64Array, out: Float32Array, size: number): void {
    handles.forEach((handle, index) => {
      if (this.poisoned.has(handle)) out[index * size] = Number.NaN;
    });
  }
}
