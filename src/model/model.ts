import { InferenceSession, Tensor } from 'onnxruntime-node';
import { ModelLoadError } from '../errors.ts';
import type { ModelIdentity } from '../events.ts';
import type { ModelManifest } from './manifest.ts';
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

  /** Frees the network's memory. */
  async release(): Promise<void> {
    await this.#session.release();
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
        if (values.length === expected && values.every(Number.isFinite)) continue;
        const got =
          values.length === expected ? `${values.find((value) => !Number.isFinite(value))}` : `${values.length}`;
        const message = `${file}: outputs (${name}): expected ${expected} finite numbers for ${count} windows, got ${got}`;
        throw new ModelLoadError('ERR_MODEL_SHAPE', message);
      }
    }
  }
}

/** Names, element types and ranks, as far as the network file states them. */
function checkSignature(
  { input, outputs, file: network }: ModelManifest,
  session: InferenceSession,
  file: string,
): void {
  const last = input.kind === 'logmel' ? [input.mels] : [];
  const fail = (field: string, expected: string, got: string) => {
    throw new ModelLoadError('ERR_MODEL_SHAPE', `${file}: ${field}: expected ${expected}, ${network} has ${got}`);
  };
  const check = (field: string, name: string, all: readonly InferenceSession.ValueMetadata[], ranks: number[]) => {
    const found = all.find((value) => value.name === name);
    if (found === undefined) {
      return fail(field, `'${name}'`, all.map((value) => `'${value.name}'`).join(', '));
    }
    if (!found.isTensor || found.type !== 'float32')
      return fail(field, 'float32', found.isTensor ? found.type : 'no tensor');
    const shape = found.shape;
    // An output whose shape the file leaves out is seen when it is tried out.
    if (shape.length === 0 && all === session.outputMetadata) return;
    if (!ranks.includes(shape.length)) fail(field, `rank ${ranks.join(' or ')}`, `shape [${shape.join(', ')}]`);
    if (typeof shape[0] === 'number' && shape[0] > 0) fail(field, 'any batch size', `shape [${shape.join(', ')}]`);
    if (all === session.outputMetadata) return;
    last.forEach((size, index) => {
      const got = shape[2 + index];
      if (typeof got === 'number' && got > 0 && got !== size)
        fail('input.mels', String(size), `shape [${shape.join(', ')}]`);
    });
  };
  check('input.name', input.name, session.inputMetadata, [input.kind === 'logmel' ? 3 : 2]);
  if (session.inputMetadata.length !== 1) {
    fail('input.name', 'one input', session.inputMetadata.map((value) => `'${value.name}'`).join(', '));
  }
  const { mos, logVariance, variance, speech, causes } = outputs;
  const named = { mos, logVariance, variance, 'speech.name': speech?.name, 'causes.name': causes?.name };
  for (const [field, name] of Object.entries(named)) {
    if (name !== undefined)
      check(`outputs.${field}`, name, session.outputMetadata, field === 'causes.name' ? [2] : [1, 2]);
  }
}
