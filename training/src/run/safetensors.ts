import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { z } from 'zod';
import { TrainingError } from './errors.ts';
import { fromFloat16 } from './float16.ts';

/** Bytes of a value of each type that is read. */
const bytesOf = { F32: 4, F16: 2, BF16: 2 } as const;

export type SafetensorsType = keyof typeof bytesOf;

export interface StoredTensor {
  shape: readonly number[];
  /** As 32-bit floats, whatever they were stored as. */
  values: Float32Array;
}

interface Entry {
  type: string;
  shape: number[];
  /** First byte in the file, and the one after the last. */
  begin: number;
  end: number;
}

const natural = z.number().int().min(0);

const headerSchema = z
  .object({ __metadata__: z.record(z.string(), z.string()).default({}) })
  .catchall(z.object({ dtype: z.string(), shape: z.array(natural), data_offsets: z.tuple([natural, natural]) }));

/** Longer headers than this are not read, bytes: as the format's own implementation. */
const longestHeader = 100_000_000;

/**
 * A safetensors file: length of the header (uint64), header (JSON), values, little-endian. Tensors are read one at a time,
 * so that a file may be larger than the memory.
 */
export class Safetensors {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #file: number;

  /** @throws {TrainingError} invalid-input when it is not whole or not such a file */
  constructor(path: string) {
    this.path = path;
    try {
      this.#file = openSync(path, 'r');
    } catch (cause) {
      throw new TrainingError('invalid-input', `cannot read ${path}`, { cause });
    }
    try {
      const { metadata, entries } = this.#readHeader();
      this.metadata = metadata;
      this.#entries = entries;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get names(): string[] {
    return [...this.#entries.keys()];
  }

  typeOf(name: string): string {
    return this.#entry(name).type;
  }

  shapeOf(name: string): readonly number[] {
    return this.#entry(name).shape;
  }

  /** @throws {TrainingError} invalid-input when there is no such tensor, or its type is not read */
  read(name: string): StoredTensor {
    const { type, shape, begin, end } = this.#entry(name);
    if (!(type in bytesOf)) {
      throw this.#fault(`${name} is ${type}, expected one of ${Object.keys(bytesOf).join(', ')}`);
    }
    const bytes = this.#bytes(begin, end - begin);
    if (type === 'F32') return { shape, values: new Float32Array(bytes.buffer) };
    const halves = new Uint16Array(bytes.buffer);
    return { shape, values: type === 'F16' ? fromFloat16(halves) : fromBfloat16(halves) };
  }

  close(): void {
    closeSync(this.#file);
  }

  #readHeader(): { metadata: Record<string, string>; entries: Map<string, Entry> } {
    const { size } = fstatSync(this.#file);
    if (size < 8) throw this.#fault('too short');
    const length = Number(new DataView(this.#bytes(0, 8).buffer).getBigUint64(0, true));
    if (8 + length > size || length > longestHeader) throw this.#fault('header is cut off');
    let header: z.output<typeof headerSchema>;
    try {
      header = headerSchema.parse(JSON.parse(Buffer.from(this.#bytes(8, length)).toString('utf8')));
    } catch (cause) {
      throw this.#fault('header is not one of safetensors', cause);
    }
    const { __metadata__: metadata, ...tensors } = header;
    const entries = new Map<string, Entry>();
    for (const [name, { dtype: type, shape, data_offsets: offsets }] of Object.entries(tensors)) {
      const [begin, end] = offsets.map((offset) => 8 + length + offset) as [number, number];
      const count = shape.reduce((product, axis) => product * axis, 1);
      const bytes = bytesOf[type as SafetensorsType];
      if (end > size || begin < 8 + length || (bytes && end - begin !== bytes * count)) {
        throw this.#fault(`${name} is cut off`);
      }
      entries.set(name, { type, shape, begin, end });
    }
    return { metadata, entries };
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (!entry) throw this.#fault(`has no ${name}`);
    return entry;
  }

  #bytes(position: number, count: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(count);
    let done = 0;
    while (done < count) {
      const got = readSync(this.#file, bytes, done, Math.min(count - done, 2 ** 30), position + done);
      if (got === 0) throw this.#fault('cut off');
      done += got;
    }
    return bytes;
  }

  #fault(what: string, cause?: unknown): TrainingError {
    return new TrainingError('invalid-input', `${this.path}: ${what}`, { cause });
  }
}

/** The upper half of a float32. */
function fromBfloat16(halves: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
}
