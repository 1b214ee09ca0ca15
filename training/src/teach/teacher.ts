import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { Random } from '../run/random.ts';
import type { Ensemble, TeacherDescription } from './description.ts';
import { distillMosGraph } from './distill-mos.ts';
import { frontEndGraph } from './front-ends.ts';

export interface TeacherOptions {
  /** Threads of each network. Default 1. */
  threads?: number;
  /** In place of the description's random input: values of draw n. */
  draw?: (index: number) => Float32Array;
}

/** A network that gives clips a MOS. */
export class Teacher {
  readonly description: TeacherDescription;
  readonly #network: InferenceSession;
  readonly #frontEnd: InferenceSession | undefined;
  readonly #draws: readonly Tensor[];

  private constructor(
    description: TeacherDescription,
    network: InferenceSession,
    frontEnd: InferenceSession | undefined,
    draws: readonly Tensor[],
  ) {
    this.description = description;
    this.#network = network;
    this.#frontEnd = frontEnd;
    this.#draws = draws;
  }

  static async load(description: TeacherDescription, { threads = 1, draw }: TeacherOptions = {}): Promise<Teacher> {
    const session = (graph: Uint8Array) =>
      InferenceSession.create(graph, { intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 3 });
    const network = await session(networkOf(description));
    const { frontEnd, random } = description;
    const before = frontEnd.kind === 'waveform' ? undefined : await session(frontEndGraph(frontEnd));
    const source = Random.derive(random?.seed ?? 0, 'teacher', description.name);
    const size = random?.shape.reduce((product, axis) => product * axis, 1) ?? 0;
    const draws = Array.from({ length: random?.draws ?? 0 }, (_, index) => {
      const values = draw?.(index) ?? Float32Array.from({ length: size }, () => source.normal());
      return new Tensor('float32', values, random?.shape ?? []);
    });
    return new Teacher(description, network, before, draws);
  }

  /** The MOS of a clip of any length above 0, 16 kHz, -1 to 1. */
  async score(samples: Float32Array): Promise<number> {
    if (samples.length === 0) throw new RangeError('a clip without samples has no score');
    const windows = windowsOf(samples, this.description.window);
    let sum = 0;
    for (const window of windows) sum += await this.#scoreWindow(window);
    return sum / windows.length;
  }

  async #scoreWindow(window: Float32Array): Promise<number> {
    const { input, random, output } = this.description;
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
    const value = values.reduce((sum, each) => sum + each, 0) / values.length;
    return output.polynomial.reduceRight((sum, coefficient) => sum * value + coefficient, 0);
  }

  async close(): Promise<void> {
    await this.#network.release();
    await this.#frontEnd?.release();
  }
}

/** The network as bytes of an .onnx file. */
export function networkOf({ format, path }: TeacherDescription): Uint8Array {
  return format === 'distill-mos' ? distillMosGraph(path) : readFileSync(path);
}

/** Cuts a clip into a teacher's windows. */
export function windowsOf(
  samples: Float32Array,
  { samples: length, short, placement, hop }: TeacherDescription['window'],
): Float32Array[] {
  if (length === undefined) return [samples];
  let filled = samples;
  if (filled.length < length && short === 'zeros') {
    filled = new Float32Array(length);
    filled.set(samples);
  }
  // Doubled until it is long enough, as the reference of DNSMOS does.
  while (filled.length < length) {
    const doubled = new Float32Array(2 * filled.length);
    doubled.set(filled);
    doubled.set(filled, filled.length);
    filled = doubled;
  }
  const rest = filled.length - length;
  if (placement === 'spread') {
    const gaps = Math.ceil(rest / hop);
    const starts = Array.from({ length: gaps + 1 }, (_, n) => (gaps === 0 ? 0 : Math.trunc((n / gaps) * rest)));
    return starts.map((start) => filled.subarray(start, start + length));
  }
  // The reference counts whole hops: a remainder of less than one is not heard.
  const windows = Math.max(1, Math.trunc(Math.floor(filled.length / hop) - length / hop) + 1);
  return Array.from({ length: windows }, (_, n) => filled.subarray(n * hop, n * hop + length));
}

/** Several teachers as one. */
export class TeacherEnsemble {
  readonly name: string;
  readonly #teachers: readonly { teacher: Teacher; weight: number }[];

  private constructor(name: string, teachers: readonly { teacher: Teacher; weight: number }[]) {
    this.name = name;
    this.#teachers = teachers;
  }

  static async load({ name, teachers }: Ensemble, options: TeacherOptions = {}): Promise<TeacherEnsemble> {
    const loaded: { teacher: Teacher; weight: number }[] = [];
    for (const { description, weight } of teachers) {
      loaded.push({ teacher: await Teacher.load(description, options), weight });
    }
    return new TeacherEnsemble(name, loaded);
  }

  /** Each teacher's MOS by name, and their weighted mean. */
  async score(samples: Float32Array): Promise<{ mos: number; teachers: Record<string, number> }> {
    const teachers: Record<string, number> = {};
    let [sum, weights] = [0, 0];
    for (const { teacher, weight } of this.#teachers) {
      const mos = await teacher.score(samples);
      teachers[teacher.description.name] = mos;
      sum += weight * mos;
      weights += weight;
    }
    return { mos: sum / weights, teachers };
  }

  async close(): Promise<void> {
    for (const { teacher } of this.#teachers) await teacher.close();
  }
}
