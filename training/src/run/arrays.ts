import { readFileSync } from 'node:fs';
import { TrainingError } from './errors.ts';
import { writeAtomically } from './files.ts';

/** Named float32 arrays with their shapes. */
export type NamedArrays = ReadonlyMap<string, { shape: readonly number[]; values: Float32Array }>;

/**
 * Writes arrays as a safetensors file: length of the header (uint64), header (JSON), values, little-endian; `metadata` goes
 * into the header. The file appears whole or not at all.
 */
export function writeArrays(path: string, arrays: NamedArrays, metadata: Readonly<Record<string, string>> = {}): void {
  let offset = 0;
  const entries = [...arrays].map(([name, { shape, values }]) => {
    const begin = offset;
    offset += values.byteLength;
    return [name, { dtype: 'F32', shape, data_offsets: [begin, offset] }];
  });
  const text = JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) });
  const encoded = new TextEncoder().encode(text);
  // The values begin at a multiple of eight bytes.
  const header = new Uint8Array(8 * Math.ceil(encoded.length / 8)).fill(0x20);
  header.set(encoded);
  const length = new Uint8Array(BigUint64Array.of(BigInt(header.length)).buffer);
  const parts = [...arrays.values()].map(({ values }) =>
    Buffer.from(values.buffer, values.byteOffset, values.byteLength),
  );
  writeAtomically(path, Buffer.concat([length, header, ...parts]));
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** @throws {TrainingError} invalid-input when the file is not whole or holds other types than float32 */
export function readArrays(path: string): { arrays: NamedArrays; metadata: Record<string, string> } {
  const fault = (what: string, cause?: unknown) => new TrainingError('invalid-input', `${path}: ${what}`, { cause });
  const bytes = readFileSync(path);
  if (bytes.length < 8) throw fault('too short');
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  if (start > bytes.length) throw fault('header is cut off');
  let header: Record<string, Entry> & { __metadata__?: Record<string, string> };
  try {
    header = JSON.parse(bytes.toString('utf8', 8, start));
  } catch (cause) {
    throw fault('header is not JSON', cause);
  }
  const { __metadata__: metadata = {}, ...entries } = header;
  const arrays = new Map(
    Object.entries(entries as Record<string, Entry>).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [begin, end],
        },
      ]) => {
        const count = shape.reduce((product, size) => product * size, 1);
        if (dtype !== 'F32') throw fault(`${name} is ${dtype}, expected F32`);
        if (end - begin !== 4 * count || start + end > bytes.length) throw fault(`${name} is cut off`);
        const values = new Float32Array(new Uint8Array(bytes.subarray(start + begin, start + end)).buffer);
        return [name, { shape, values }];
      },
    ),
  );
  return { arrays, metadata };
}
