import { ModelLoadError } from '../base/errors.ts';
import type { ModelIdentity } from '../events.ts';
import type { ModelManifest } from './manifest.ts';
import type { Network } from './network.ts';
import { checkOutputs, type ModelOutputs, readOutputs } from './outputs.ts';
import { checkWindowedSignature } from './signature.ts';
import { type WindowShape, windowShapeOf } from './window-shape.ts';

/** A network that looks at a whole window for every score. */
export class WindowedModel {
  readonly form = 'windowed';
  readonly manifest: ModelManifest;
  readonly identity: ModelIdentity;
  readonly window: WindowShape;
  readonly #network: Network;

  private constructor(manifest: ModelManifest, window: WindowShape, network: Network) {
    this.manifest = manifest;
    this.identity = { name: manifest.name, version: manifest.version };
    this.window = window;
    this.#network = network;
  }

  /**
   * `file`: the manifest's, named in errors.
   *
   * @throws {ModelLoadError} when the network is not as the manifest states
   */
  static async create(manifest: ModelManifest, network: Network, file: string): Promise<WindowedModel> {
    const window = windowShapeOf(manifest.input);
    if (window === undefined) {
      throw new ModelLoadError('ERR_MODEL_MANIFEST', `${file}: input.samples: no whole number of 10 ms frames fits`);
    }
    checkWindowedSignature(manifest, network, file);
    const model = new WindowedModel(manifest, window, network);
    await model.#tryOut(file);
    return model;
  }

  /**
   * Scores `count` windows of `frames` frames each, which follow each other in `input`
   * [count][frames][window.valuesPerFrame], already normalised.
   */
  async run(input: Float32Array, count: number, frames: number): Promise<ModelOutputs> {
    const { valuesPerFrame } = this.window;
    const { kind, name } = this.manifest.input;
    const shape = kind === 'logmel' ? [count, frames, valuesPerFrame] : [count, frames * valuesPerFrame];
    const values = input.subarray(0, count * frames * valuesPerFrame);
    return readOutputs(this.manifest, await this.#network.run({ [name]: [values, shape] }));
  }

  /** Frees the network. */
  async close(): Promise<void> {
    await this.#network.close();
  }

  async #tryOut(file: string): Promise<void> {
    const { minFrames, maxFrames, valuesPerFrame, floorLog10 } = this.window;
    const count = 2;
    for (const frames of new Set([minFrames, maxFrames])) {
      const silence = new Float32Array(count * frames * valuesPerFrame).fill(floorLog10);
      const field = this.manifest.input.kind === 'logmel' ? 'input.frames' : 'input.samples';
      const outputs = await this.run(silence, count, frames).catch((cause) => {
        const message = `${file}: ${field}: ${this.#network.file} does not take ${count} windows of ${frames} frames: ${cause.message}`;
        throw new ModelLoadError('ERR_MODEL_SHAPE', message, { cause });
      });
      checkOutputs(this.manifest, outputs, count, file);
    }
  }
}
