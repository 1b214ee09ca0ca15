import { readFileSync } from 'node:fs';
import type { Ensemble, TeacherDescription } from './description.ts';
import { distillMosGraph } from './distill-mos.ts';
import { keptMos } from './in-time.ts';
import type { InTime } from './labels.ts';
import { OnnxNetwork, type TeacherNetwork, type TeacherOptions } from './network.ts';
import { PairProgram } from './program.ts';

/** A network that gives clips a MOS. */
export class Teacher {
  readonly description: TeacherDescription;
  readonly #network: TeacherNetwork;

  private constructor(description: TeacherDescription, network: TeacherNetwork) {
    this.description = description;
    this.#network = network;
  }

  static async load(description: TeacherDescription, options: TeacherOptions = {}): Promise<Teacher> {
    if (description.format !== 'xls-r-sqa') {
      return new Teacher(description, await OnnxNetwork.load(networkOf(description), description, options));
    }
    // TensorFlow takes a second to load: only the teachers that need it do.
    const { XlsRSqaNetwork } = await import('./xls-r-sqa-network.ts');
    return new Teacher(description, new XlsRSqaNetwork(description));
  }

  /** The MOS of a clip of any length above 0, 16 kHz, -1 to 1. */
  async score(samples: Float32Array): Promise<number> {
    if (samples.length === 0) throw new RangeError('a clip without samples has no score');
    const heard = this.description.window.moves.filter((move) => move < samples.length);
    let sum = 0;
    for (const move of heard) sum += await this.#once(samples.subarray(move));
    return sum / heard.length;
  }

  /** The mean over the windows of a clip. */
  async #once(samples: Float32Array): Promise<number> {
    const windows = windowsOf(samples, this.description.window);
    const { polynomial } = this.description.output;
    let sum = 0;
    for (const window of windows) {
      const value = await this.#network.value(window);
      sum += polynomial.reduceRight((rest, coefficient) => rest * value + coefficient, 0);
    }
    return sum / windows.length;
  }

  async close(): Promise<void> {
    await this.#network.close();
  }
}

/** The network as bytes of an .onnx file. */
export function networkOf({ format, path }: TeacherDescription): Uint8Array {
  return format === 'distill-mos' ? distillMosGraph(path) : readFileSync(path);
}

/** Cuts a clip into a teacher's windows. */
export function windowsOf(
  samples: Float32Array,
  { samples: length, short, placement, hop }: Omit<TeacherDescription['window'], 'moves'>,
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

interface Member {
  name: string;
  weight: number;
  /** None for a teacher whose scores are known. */
  teacher?: Teacher;
}

/** Several teachers as one, and what they know of the clip already. */
export interface Known {
  teachers: Readonly<Record<string, number>>;
  inTime?: InTime;
}

export class TeacherEnsemble {
  readonly name: string;
  readonly #members: readonly Member[];
  readonly #inTime: Ensemble['inTime'];
  readonly #program: PairProgram | undefined;

  private constructor({ name, inTime }: Ensemble, members: readonly Member[], program: PairProgram | undefined) {
    this.name = name;
    this.#members = members;
    this.#inTime = inTime;
    this.#program = program;
  }

  /** @param known - names of teachers and metrics that need not be loaded: `score` is given what they say */
  static async load(
    ensemble: Ensemble,
    { known = [], ...options }: TeacherOptions & { known?: readonly string[] } = {},
  ): Promise<TeacherEnsemble> {
    const members: Member[] = [];
    for (const { description, weight } of ensemble.teachers) {
      const teacher = known.includes(description.name) ? {} : { teacher: await Teacher.load(description, options) };
      members.push({ name: description.name, weight, ...teacher });
    }
    const metric = ensemble.inTime?.metric;
    const program =
      metric && !known.includes(metric.name)
        ? new PairProgram(['python3', metric.path], { PYTHONPATH: metric.packages })
        : undefined;
    return new TeacherEnsemble(ensemble, members, program);
  }

  /**
   * Each teacher's MOS by name, and the label that they make.
   *
   * @param reference - the clip before what happened to it in time, where something did
   * @param known - scores of the teachers and metrics that were not loaded
   * @throws {RangeError} one of these is missing
   */
  async score(
    samples: Float32Array,
    reference?: Float32Array,
    known: Known = { teachers: {} },
  ): Promise<{ mos: number; teachers: Record<string, number>; inTime?: InTime }> {
    const after = () => this.#mean(samples, known.teachers);
    if (!this.#inTime || !reference) return after();
    const { metric: scale, exponent } = this.#inTime;
    const metric = this.#program ? await this.#program.compare(reference, samples) : known.inTime?.metric;
    if (metric === undefined) return after();
    const { mos, teachers } = await this.#mean(reference, known.inTime?.before ?? {});
    return { mos: keptMos(mos, metric, scale, exponent), teachers: {}, inTime: { before: teachers, metric } };
  }

  /** The weighted mean. */
  async #mean(samples: Float32Array, known: Readonly<Record<string, number>>) {
    const teachers: Record<string, number> = {};
    let [sum, weights] = [0, 0];
    for (const { name, weight, teacher } of this.#members) {
      const mos = teacher ? await teacher.score(samples) : known[name];
      if (mos === undefined) throw new RangeError(`the score of ${name} is not known`);
      teachers[name] = mos;
      sum += weight * mos;
      weights += weight;
    }
    return { mos: sum / weights, teachers };
  }

  async close(): Promise<void> {
    for (const { teacher } of this.#members) await teacher?.close();
    this.#program?.close();
  }
}
