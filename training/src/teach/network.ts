import { InferenceSession, Tensor } from '../../../src/model/runtime.ts';
import { splitGraph } from '../onnx/split.ts';
import { Random } from '../run/random.ts';
import type { TeacherDescription } from './description.ts';
import { frontEndGraph } from './front-ends.ts';

/** What a teacher asks of its network. */
export interface TeacherNetwork {
  /** The output that its description names, for one window. */
  value(window: Float32Array): Promise<number>;
  close(): Promise<void>;
}

export interface TeacherOptions {
  /** Threads of each ONNX network. Default 1. */
  threads?: number;
  /** In place of the description's random input: values of draw n. */
  draw?: (index: number) => Float32Array;
}

/** Any ONNX model, with what comes before it. */
export class OnnxNetwork implements TeacherNetwork {
  readonly #description: TeacherDescription;
  readonly #network: InferenceSession;
  readonly #frontEnd: InferenceSession | undefined;
  /** What every draw shares, computed once per window; then `#network` is the rest. */
  readonly #shared: InferenceSession | undefined;
  readonly #draws: readonly Tensor[];

  private constructor(
    description: TeacherDescription,
    sessions: { network: InferenceSession; frontEnd?: InferenceSession; shared?: InferenceSession },
    draws: readonly Tensor[],
  ) {
    this.#description = description;
    this.#network = sessions.network;
    this.#frontEnd = sessions.frontEnd;
    this.#shared = sessions.shared;
    this.#draws = draws;
  }

  /** @param graph - the network as bytes of an .onnx file */
  static async load(
    graph: Uint8Array,
    description: TeacherDescription,
    { threads = 1, draw }: TeacherOptions,
  ): Promise<OnnxNetwork> {
    const session = (bytes: Uint8Array) =>
      InferenceSession.create(bytes, { intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 3 });
    const { frontEnd, random } = description;
    const parts = random && splitGraph(graph, random.input);
    const sessions = {
      network: await session(parts?.after ?? graph),
      ...(frontEnd.kind === 'waveform' ? {} : { frontEnd: await session(frontEndGraph(frontEnd)) }),
      ...(parts ? { shared: await session(parts.before) } : {}),
    };
    const source = Random.derive(random?.seed ?? 0, 'teacher', description.name);
    const size = random?.shape.reduce((product, axis) => product * axis, 1) ?? 0;
    const draws = Array.from({ length: random?.draws ?? 0 }, (_, index) => {
      const values = draw?.(index) ?? Float32Array.from({ length: size }, () => source.normal());
      return new Tensor('float32', values, random?.shape ?? []);
    });
    return new OnnxNetwork(description, sessions, draws);
  }

  async value(window: Float32Array): Promise<number> {
    const { input, random, output } = this.#description;
    const audio = new Tensor('float32', window, [1, window.length]);
    const features = this.#frontEnd ? ((await this.#frontEnd.run({ samples: audio })).features as Tensor) : audio;
    const read = async (feeds: Record<string, Tensor>) => {
      const outputs = await this.#network.run(feeds);
      const first = outputs[this.#network.outputNames[0] as string] as Tensor;
      return (first.data as Float32Array)[output.index] as number;
    };
    if (!random || !this.#shared) return read({ [input]: features });
    const shared = (await this.#shared.run({ [input]: features })) as Record<string, Tensor>;
    const values: number[] = [];
    for (const draw of this.#draws) values.push(await read({ ...shared, [random.input]: draw }));
    return values.reduce((sum, each) => sum + each, 0) / values.length;
  }

  async close(): Promise<void> {
    await this.#network.release();
    await this.#frontEnd?.release();
    await this.#shared?.release();
  }
}
