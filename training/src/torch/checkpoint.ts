import { readFileSync } from 'node:fs';
import { TrainingError } from '../run/errors.ts';
import { type PickleGlobal, unpickle } from './unpickle.ts';
import { readStoredZip } from './zip.ts';

/** A tensor of a checkpoint, in row-major order, as 32-bit floats whatever it was stored as. */
export interface Tensor {
  shape: number[];
  values: Float32Array;
}

/** How the values of each storage type are read. */
const storages: Record<string, { bytes: number; read(view: DataView, offset: number): number }> = {
  FloatStorage: { bytes: 4, read: (view, offset) => view.getFloat32(offset, true) },
  DoubleStorage: { bytes: 8, read: (view, offset) => view.getFloat64(offset, true) },
  LongStorage: { bytes: 8, read: (view, offset) => Number(view.getBigInt64(offset, true)) },
  IntStorage: { bytes: 4, read: (view, offset) => view.getInt32(offset, true) },
  BoolStorage: { bytes: 1, read: (view, offset) => view.getUint8(offset) },
};

/**
 * Reads a file that torch.save wrote: the zip of a pickle and the raw storages. Containers become Map and array. Nothing
 * of the file is run: a pickle that names anything but tensors and dictionaries is refused.
 */
export function readCheckpoint(path: string): unknown {
  const entries = readStoredZip(readFileSync(path), path);
  const pickleName = [...entries.keys()].find((name) => name.endsWith('/data.pkl'));
  if (!pickleName) throw new TrainingError('invalid-input', `${path}: has no data.pkl`);
  const folder = pickleName.slice(0, -'data.pkl'.length);
  return unpickle(entries.get(pickleName) as Buffer, {
    global: (name) => {
      const [module, type = ''] = name.split(' ');
      return module === 'torch' && type in storages ? { storageType: type } : globals[name];
    },
    persistent(id) {
      const [kind, type, key] = id as [string, { storageType: string }, string];
      const raw = entries.get(`${folder}data/${key}`);
      if (kind !== 'storage' || !raw)
        throw new TrainingError('invalid-input', `${path}: has no storage ${String(key)}`);
      return { ...storages[type.storageType], raw };
    },
  });
}

/** The tensors of a dictionary of a checkpoint. */
export function tensorsOf(dictionary: unknown, path: string): Map<string, Tensor> {
  if (!(dictionary instanceof Map)) throw new TrainingError('invalid-input', `${path}: no dictionary of tensors`);
  return new Map([...dictionary].filter(([, value]) => isTensor(value)) as [string, Tensor][]);
}

function isTensor(value: unknown): value is Tensor {
  return (value as Partial<Tensor> | null)?.values instanceof Float32Array;
}

const globals: Record<string, PickleGlobal> = {
  'collections OrderedDict': () => new Map(),
  'torch._utils _rebuild_tensor_v2': rebuildTensor as PickleGlobal,
};

interface Storage {
  bytes: number;
  read(view: DataView, offset: number): number;
  raw: Buffer;
}

/** Gathers the values of a tensor, which may be a strided view into its storage. */
function rebuildTensor({ bytes, read, raw }: Storage, offset: number, shape: number[], strides: number[]): Tensor {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const count = shape.reduce((product, size) => product * size, 1);
  const values = new Float32Array(count);
  for (let n = 0; n < count; n++) {
    let rest = n;
    let element = offset;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = shape[axis] as number;
      element += (rest % size) * (strides[axis] as number);
      rest = Math.floor(rest / size);
    }
    values[n] = read(view, element * bytes);
  }
  return { shape, values };
}
