import { ModelLoadError } from '../base/errors.ts';
import { InferenceSession, Tensor } from './runtime.ts';

/** Outputs of a network by name. */
export type Results = Readonly<Record<string, Float32Array>>;

/** Values with their shape. */
export type Input = readonly [values: Float32Array, shape: readonly number[]];

/** One network file, loaded. One thread runs it: many streams share the cores by processes. */
export class Network {
  /** Of the file, for messages. */
  readonly file: string;
  readonly session: InferenceSession;

  private constructor(file: string, session: InferenceSession) {
    this.file = file;
    this.session = session;
  }

  /** @throws {ModelLoadError} ERR_MODEL_RUNTIME when the runtime cannot load it */
  static async open(bytes: Uint8Array, file: string): Promise<Network> {
    try {
      const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 } as const;
      return new Network(file, await InferenceSession.create(bytes, options));
    } catch (cause) {
      const message = `${file}: the runtime cannot load it: ${(cause as Error).message}`;
      throw new ModelLoadError('ERR_MODEL_RUNTIME', message, { cause });
    }
  }

  async run(inputs: Readonly<Record<string, Input>>): Promise<Results> {
    const feeds: Record<string, Tensor> = {};
    for (const name in inputs) {
      const [values, shape] = inputs[name] as Input;
      feeds[name] = new Tensor('float32', values, shape);
    }
    const outputs = await this.session.run(feeds);
    const results: Record<string, Float32Array> = {};
    for (const name in outputs) results[name] = (outputs[name] as Tensor).data as Float32Array;
    return results;
  }

  /** Frees it; nothing may be run any more. */
  async close(): Promise<void> {
    await this.session.release();
  }
}
