import { closeSync, openSync, renameSync, writeSync } from 'node:fs';
import { TrainingError } from './errors.ts';
import { Safetensors } from './safetensors.ts';

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
  // Array by array: together they may be more than a buffer holds.
  const temporary = `${path}.${process.pid}.tmp`;
  const file = openSync(temporary, 'w');
  try {
    writeWhole(file, length);
    writeWhole(file, header);
    for (const { values } of arrays.values()) {
      writeWhole(file, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}

function writeWhole(file: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(file, bytes, done, Math.min(bytes.length - done, 2 ** 30));
}

/** @throws {TrainingError} invalid-input when the file is not whole or holds other types than float32 */
export function readArrays(path: string): { arrays: NamedArrays; metadata: Record<string, string> } {
  const file = new Safetensors(path);
  try {
    const arrays = new Map(
      file.names.map((name) => {
        const type = file.typeOf(name);
        if (type !== 'F32') throw new TrainingError('invalid-input', `${path}: ${name} is ${type}, expected F32`);
        return [name, file.read(name)];
      }),
    );
    return { arrays, metadata: { ...file.metadata } };
  } finally {
    file.close();
  }
}
