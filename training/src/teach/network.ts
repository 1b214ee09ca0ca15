import { InferenceSession, Tensor } from 'onnxruntime-node';
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
  readonly #draws: readonly Tensor[];

  private constructor(
    description: TeacherDescription,
    network: InferenceSession,
    frontEnd: InferenceSession | undefined,
    draws: readonly Tensor[],
  ) {
    this.#description = description;
    this.#network = network;
    this.#frontEnd = frontEnd;
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
    const network = await session(graph);
    const { frontEnd, random } = description;
    const before = frontEnd.kind === 'waveform' ? undefined : await session(frontEndGraph(frontEnd));
    const source = Random.derive(random?.seed ?? 0, 'teacher', description.name);
    const size = random?.shape.reduce((product, axis) => product * axis, 1) ?? 0;
    const draws = Array.from({ length: random?.draws ?? 0 }, (_, index) => {
      const values = draw?.(index) ?? Float32Array.from({ length: size }, () => source.normal());
      return new Tensor('float32', values, random?.shape ?? []);
    });
    return new OnnxNetwork(description, network, before, draws);
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
    const values: number[] = [];
    if (random) for (const draw of this.#draws) values.push(await read({ [input]: features, [random.input]: draw }));
    else values.push(await read({ [input]: features }));
    return values.reduce((sum, each) => sum + each, 0) / values.length;
  }

  async close(): Promise<void> {
    await this.#network.release();
    await this.#frontEnd?.release();
  }
}
