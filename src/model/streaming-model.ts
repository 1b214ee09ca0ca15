import { ModelLoadError } from '../base/errors.ts';
import type { ModelIdentity } from '../events.ts';
import type { ModelManifest } from './manifest.ts';
import type { Network } from './network.ts';
import { checkOutputs, checkValues, type ModelOutputs, readOutputs } from './outputs.ts';
import { checkHeadsSignature, checkTrunkSignature } from './signature.ts';

/** Time scales of a streaming model, in frames of 10 ms and steps of some frames. */
export interface StreamingShape {
  readonly framesPerStep: number;
  /** Nothing enters the trunk before there is so much. */
  readonly firstFrames: number;
  /** Steps that a score looks at. */
  readonly minSteps: number;
  readonly maxSteps: number;
  /** Newest steps whose peak, with that of the entering frames, fixes the gain; those that enter are among them. */
  readonly gainSteps: number;
  /** Log-mel bands. */
  readonly mels: number;
  /** Values of a step, and of the trunk's state. */
  readonly width: number;
  readonly stateValues: number;
  readonly normalise: boolean;
  readonly floorLog10: number;
  /** A step whose speech probability is at least this is one with speech. */
  readonly stepThreshold: number;
  /** A window whose mean speech probability is below this has no speech. */
  readonly windowThreshold: number;
}

/** What the trunk made of new frames of some streams. */
export interface Embedded {
  /** [streams][steps][width] */
  readonly steps: Float32Array;
  /** Probability of speech, [streams][steps]. */
  readonly speech: Float32Array;
  /** [streams][stateValues] */
  readonly state: Float32Array;
}

/** A network in two parts: the trunk computes each frame once, the heads score the newest steps that it made. */
export class StreamingModel {
  readonly form = 'streaming';
  readonly manifest: ModelManifest;
  readonly identity: ModelIdentity;
  readonly shape: StreamingShape;
  readonly #trunk: Network;
  readonly #heads: Network;

  private constructor(manifest: ModelManifest, shape: StreamingShape, trunk: Network, heads: Network) {
    this.manifest = manifest;
    this.identity = { name: manifest.name, version: manifest.version };
    this.shape = shape;
    this.#trunk = trunk;
    this.#heads = heads;
  }

  /**
   * `file`: the manifest's, named in errors.
   *
   * @throws {ModelLoadError} when one of the networks is not as the manifest states
   */
  static async create(manifest: ModelManifest, trunk: Network, heads: Network, file: string): Promise<StreamingModel> {
    const shape = streamingShapeOf(manifest, file);
    checkTrunkSignature(manifest, trunk, file);
    checkHeadsSignature(manifest, heads, file);
    const model = new StreamingModel(manifest, shape, trunk, heads);
    await model.#tryOut(file);
    return model;
  }

  /**
   * Runs the trunk over `frames` new frames, a multiple of framesPerStep, of each of `count` streams: `input`
   * [count][frames][mels], already normalised, and `state` [count][stateValues], all zero for a new stream.
   */
  async embed(input: Float32Array, state: Float32Array, count: number, frames: number): Promise<Embedded> {
    const { mels, stateValues } = this.shape;
    const { state: names, steps, speech } = this.#streaming;
    const results = await this.#trunk.run({
      [this.manifest.input.name]: [input.subarray(0, count * frames * mels), [count, frames, mels]],
      [names.input]: [state.subarray(0, count * stateValues), [count, stateValues]],
    });
    const read = (name: string) => results[name] as Float32Array;
    return { steps: read(steps.name), speech: read(speech), state: read(names.output) };
  }

  /** Runs the heads over the newest `steps` steps of each of `count` streams: `input` [count][steps][width]. */
  async score(input: Float32Array, count: number, steps: number): Promise<ModelOutputs> {
    const { width } = this.shape;
    const values = input.subarray(0, count * steps * width);
    const results = await this.#heads.run({ [this.#streaming.steps.name]: [values, [count, steps, width]] });
    return readOutputs(this.manifest, results);
  }

  /** Frees the networks. */
  async close(): Promise<void> {
    await Promise.all([this.#trunk.close(), this.#heads.close()]);
  }

  get #streaming(): NonNullable<ModelManifest['streaming']> {
    return this.manifest.streaming as NonNullable<ModelManifest['streaming']>;
  }

  async #tryOut(file: string): Promise<void> {
    const { framesPerStep, firstFrames, minSteps, maxSteps, mels, width, stateValues, floorLog10 } = this.shape;
    const count = 2;
    const refuse = (what: string) => (cause: Error) => {
      throw new ModelLoadError('ERR_MODEL_SHAPE', `${file}: ${what}: ${cause.message}`, { cause });
    };
    let state: Float32Array = new Float32Array(count * stateValues);
    for (const frames of [firstFrames, framesPerStep]) {
      const silence = new Float32Array(count * frames * mels).fill(floorLog10);
      const what = `streaming.steps: ${this.#trunk.file} does not take ${frames} frames of ${count} streams`;
      const embedded = await this.embed(silence, state, count, frames).catch(refuse(what));
      const steps = (count * frames) / framesPerStep;
      checkValues('streaming.steps', embedded.steps, steps * width, file);
      checkValues('streaming.speech', embedded.speech, steps, file);
      checkValues('streaming.state', embedded.state, count * stateValues, file);
      state = embedded.state;
    }
    for (const steps of new Set([minSteps, maxSteps])) {
      const what = `streaming.steps.window: ${this.#heads.file} does not take ${steps} steps of ${count} streams`;
      const outputs = await this.score(new Float32Array(count * steps * width), count, steps).catch(refuse(what));
      checkOutputs(this.manifest, outputs, count, file);
    }
  }
}

function streamingShapeOf(manifest: ModelManifest, file: string): StreamingShape {
  const { input, outputs } = manifest;
  const { steps, state, gainFrames, speech, stepThreshold } = manifest.streaming as NonNullable<
    ModelManifest['streaming']
  >;
  function disagree(field: string, expected: string, got: unknown): never {
    throw new ModelLoadError('ERR_MODEL_MANIFEST', `${file}: ${field}: expected ${expected}, got ${got}`);
  }
  if (input.kind !== 'logmel') disagree('input.kind', `'logmel' with form streaming`, `'${input.kind}'`);
  const { framesPerStep, window } = steps;
  const whole = `whole steps of ${framesPerStep} frames (streaming.steps.framesPerStep)`;
  if (gainFrames % framesPerStep !== 0) disagree('streaming.gainFrames', whole, gainFrames);
  if (input.frames.min > framesPerStep || framesPerStep % input.frames.multipleOf !== 0) {
    disagree('input.frames', `any number of ${whole}`, JSON.stringify(input.frames));
  }
  if (outputs.speech !== undefined && outputs.speech.name !== speech) {
    disagree('outputs.speech.name', `'${speech}' (streaming.speech)`, `'${outputs.speech.name}'`);
  }
  const minSteps = Math.ceil(window.min / window.multipleOf) * window.multipleOf;
  return {
    framesPerStep,
    firstFrames: minSteps * framesPerStep,
    minSteps,
    maxSteps: window.max,
    gainSteps: gainFrames / framesPerStep,
    mels: input.mels,
    width: steps.width,
    stateValues: state.values,
    normalise: input.normalisation === 'peak',
    floorLog10: input.floorLog10,
    stepThreshold,
    windowThreshold: outputs.speech?.threshold ?? 0,
  };
}
