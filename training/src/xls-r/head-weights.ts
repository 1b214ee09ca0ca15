import { extname } from 'node:path';
import { TrainingError } from '../run/errors.ts';
import { Random } from '../run/random.ts';
import { Safetensors, type StoredTensor } from '../run/safetensors.ts';
import { readCheckpoint, tensorsOf } from '../torch/checkpoint.ts';
import type { ArraySource } from './backbone.ts';
import { type HeadConfiguration, headSpecs } from './head.ts';
import { sizeOf } from './specs.ts';

/** Arrays of a head, and of transformer layers that were retrained with it, by name. */
export class HeadWeights {
  readonly #path: string;
  readonly #arrays: ReadonlyMap<string, StoredTensor>;

  constructor(path: string, arrays: ReadonlyMap<string, StoredTensor>) {
    this.#path = path;
    this.#arrays = arrays;
  }

  /** Reads a checkpoint of xls-r-sqa (.pt; no code of it is run) or a file of the verb `teacher` (.safetensors). */
  static read(path: string): HeadWeights {
    if (extname(path) === '.pt') return new HeadWeights(path, tensorsOf(readCheckpoint(path), path));
    const file = new Safetensors(path);
    try {
      return new HeadWeights(path, new Map(file.names.map((name) => [name, file.read(name)])));
    } finally {
      file.close();
    }
  }

  has(name: string): boolean {
    return this.#arrays.has(name);
  }

  /** The arrays of transformer layers, by name. */
  retrained(): Map<string, StoredTensor> {
    return new Map([...this.#arrays].filter(([name]) => name.startsWith('encoder.layers.')));
  }

  /** Reads retrained layers from here, all else from where the backbone is stored. */
  over(stored: ArraySource): ArraySource {
    return { read: (name, shape) => (this.has(name) ? this : stored).read(name, shape) };
  }

  read(name: string, shape: readonly number[]): StoredTensor {
    const stored = this.#arrays.get(name);
    if (!stored) throw new TrainingError('invalid-input', `${this.#path}: has no ${name}`);
    if (stored.shape.join() !== shape.join()) {
      throw new TrainingError(
        'invalid-input',
        `${this.#path}: ${name} has shape [${stored.shape}], expected [${shape}]`,
      );
    }
    return stored;
  }

  /**
   * The shape of the head, as far as its arrays determine it.
   *
   * @param heads - of attention, which the arrays do not determine
   * @throws {TrainingError} invalid-input when it is not a head
   */
  configuration(heads: number): HeadConfiguration {
    const shapeOf = (name: string) => {
      const stored = this.#arrays.get(name);
      if (!stored)
        throw new TrainingError('invalid-input', `${this.#path}: is no head of XLS-R-SQA: it has no ${name}`);
      return stored.shape;
    };
    const [width, inputs] = shapeOf('transformer.linear_proj.weight') as [number, number];
    const [, frames] = shapeOf('transformer.position_encoding.pe') as [number, number];
    const numbers = [...this.#arrays.keys()].map((name) => /encoder\.layers\.(\d+)\.linear1\.weight$/.exec(name)?.[1]);
    const layers = new Set(numbers.filter((number) => number !== undefined)).size;
    const sources = this.has('lin_infusion.weight') ? 2 : 1;
    if (width % heads !== 0) {
      throw new TrainingError('invalid-input', `${this.#path}: ${heads} heads do not divide its width of ${width}`);
    }
    return { inputs, sources, width, layers, heads, frames };
  }
}

/** A head to begin with; each array has a random stream of its own. Kernels: Glorot and Bengio, AISTATS 2010. */
export function initialHead(configuration: HeadConfiguration, seed: number): HeadWeights {
  const arrays = headSpecs(configuration).map((spec): [string, StoredTensor] => {
    const { name, shape } = spec;
    const random = Random.derive(seed, 'initial head', name);
    const isKernel = shape.length === 2;
    const deviation = isKernel ? Math.sqrt(2 / ((shape[0] as number) + (shape[1] as number))) : 0;
    const constant = /(norm\w*(\.\d)?|norm[12])\.weight$|running_var$/.test(name) ? 1 : 0;
    const value = () => (isKernel ? deviation * random.normal() : constant);
    const values = name.endsWith('.pe') ? positions(configuration) : Float32Array.from({ length: sizeOf(spec) }, value);
    return [name, { shape, values }];
  });
  return new HeadWeights('initial head', new Map(arrays));
}

/** Sines and cosines of wavelengths from 2 pi frames to 2 pi times twice the sequence: [frames][width]. */
function positions({ frames, width }: HeadConfiguration): Float32Array {
  return Float32Array.from({ length: frames * width }, (_, n) => {
    const [frame, channel] = [Math.floor(n / width), n % width];
    const angle = frame * (2 * frames) ** ((-2 * Math.floor(channel / 2)) / width);
    return channel % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
}
