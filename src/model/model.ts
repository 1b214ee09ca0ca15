import { InferenceSession, Tensor } from 'onnxruntime-node';
import { ModelLoadError } from '../errors.ts';
import type { ModelIdentity } from '../events.ts';
import type { ModelManifest } from './manifest.ts';
import { checkSignature } from './signature.ts';
import { type WindowShape, windowShapeOf } from './window-shape.ts';

/** What a network says about a batch of windows, one entry a window. */
export interface ModelOutputs {
  /** As the network gives it: not limited to the scale. */
  readonly mos: Float32Array;
  /** Standard deviation of `mos`, calibrated. */
  readonly sigma: Float32Array;
  /** Probability that somebody speaks, where the model tells it. */
  readonly speech?: Float32Array;
  /** Probabilities [windows][manifest.outputs.causes.order], where the model tells them. */
  readonly causes?: Float32Array;
}

/** A network that looks at whole windows, and what its manifest says of it. Made by `loadModel`. */
export class Model {
  readonly manifest: ModelManifest;
  readonly identity: ModelIdentity;
  readonly window: WindowShape;
  readonly #session: InferenceSession;

  private constructor(manifest: ModelManifest, window: WindowShape, session: InferenceSession) {
    this.manifest = manifest;
    this.identity = { name: manifest.name, version: manifest.version };
    this.window = window;
    this.#session = session;
  }

  /**
   * `file`: the manifest's, named in errors. One thread scores: many streams share the cores by processes.
   *
   * @throws {ModelLoadError} when the network cannot be loaded or is not as the manifest says
   */
  static async create(manifest: ModelManifest, network: Uint8Array, file: string): Promise<Model> {
    const window = windowShapeOf(manifest.input);
    if (window === undefined) {
      throw new ModelLoadError('ERR_MODEL_MANIFEST', `${file}: input.samples: no whole number of 10 ms frames fits`);
    }
    let session: InferenceSession;
    try {
      session = await InferenceSession.create(network, { intraOpNumThreads: 1, interOpNumThreads: 1 });
    } catch (cause) {
      const message = `${manifest.file}: the runtime cannot load it: ${(cause as Error).message}`;
      throw new ModelLoadError('ERR_MODEL_RUNTIME', message, { cause });
    }
    checkSignature(manifest, session, file);
    const model = new Model(manifest, window, session);
    await model.#tryOut(file);
    return model;
  }

  /**
   * Scores `count` windows of `frames` frames each, which follow each other in `input`
   * [count][frames][window.valuesPerFrame], already normalised.
   */
  async run(input: Float32Array, count: number, frames: number): Promise<ModelOutputs> {
    const { valuesPerFrame } = this.window;
    const { input: described, outputs, interval } = this.manifest;
    const shape = described.kind === 'logmel' ? [count, frames, valuesPerFrame] : [count, frames * valuesPerFrame];
    const data = input.subarray(0, count * frames * valuesPerFrame);
    const results = await this.#session.run({ [described.name]: new Tensor('float32', data, shape) });
    const read = (name: string) => (results[name] as Tensor).data as Float32Array;
    const sigmaOf =
      outputs.logVariance === undefined ? Math.sqrt : (logVariance: number) => Math.exp(0.5 * logVariance);
    const spread = read((outputs.logVariance ?? outputs.variance) as string);
    return {
      mos: read(outputs.mos),
      sigma: spread.map((value) => interval.sigmaScale * sigmaOf(value)),
      ...(outputs.speech === undefined ? {} : { speech: read(outputs.speech.name) }),
      ...(outputs.causes === undefined ? {} : { causes: read(outputs.causes.name) }),
    };
  }

  /** Two windows of silence: symbolic shapes do not tell whether the network takes what the manifest says. */
  async #tryOut(file: string): Promise<void> {
    const { input, outputs } = this.manifest;
    const count = 2;
    for (const frames of new Set([this.window.minFrames, this.window.maxFrames])) {
      const silence = new Float32Array(count * frames * this.window.valuesPerFrame).fill(this.window.floorLog10);
      const field = input.kind === 'logmel' ? 'input.frames' : 'input.samples';
      const results = await this.run(silence, count, frames).catch((cause) => {
        const message = `${file}: ${field}: ${this.manifest.file} does not take ${count} windows of ${frames} frames: ${cause.message}`;
        throw new ModelLoadError('ERR_MODEL_SHAPE', message, { cause });
      });
      const width = { mos: 1, sigma: 1, speech: 1, causes: outputs.causes?.order.length ?? 0 };
      for (const [name, values] of Object.entries(results) as [keyof ModelOutputs, Float32Array][]) {
        const expected = count * width[name];
        const odd = values.find((value) => !Number.isFinite(value));
        if (values.length === expected && odd === undefined) continue;
        const message = `${file}: outputs (${name}): expected ${expected} finite numbers for ${count} windows, got ${odd ?? values.length}`;
        throw new ModelLoadError('ERR_MODEL_SHAPE', message);
      }
    }
  }
}
