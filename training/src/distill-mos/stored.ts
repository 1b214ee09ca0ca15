import { z } from 'zod';
import { readArrays, writeArrays } from '../run/arrays.ts';
import { TrainingError } from '../run/errors.ts';
import { checkConfiguration } from '../run/files.ts';
import { distillMosShapeSchema, distillMosSpecs } from './shape.ts';

const descriptionSchema = z.strictObject({ name: z.string(), description: z.string(), shape: distillMosShapeSchema });

/** Its file in a run folder. */
export const distillMosFile = 'distill-mos.safetensors';

/** Name and shape of a network made from Distill-MOS. */
export type DistillMosDescription = z.output<typeof descriptionSchema>;

/** A network made from Distill-MOS, with its name. */
export interface StoredDistillMos {
  description: DistillMosDescription;
  weights: Map<string, Float32Array>;
}

/** Writes a network as a safetensors file with name and shape in its metadata. */
export function writeDistillMos(
  path: string,
  description: DistillMosDescription,
  weights: ReadonlyMap<string, Float32Array>,
): void {
  const arrays = new Map(
    distillMosSpecs(description.shape).map(({ name, shape }) => {
      return [name, { shape, values: weights.get(name) as Float32Array }];
    }),
  );
  writeArrays(path, arrays, { 'distill-mos': JSON.stringify(description) });
}

/** @throws {TrainingError} invalid-input when it is not such a file, or an array is missing or of another shape */
export function readStoredDistillMos(path: string): StoredDistillMos {
  const { arrays, metadata } = readArrays(path);
  const stated = metadata['distill-mos'];
  if (stated === undefined) throw new TrainingError('invalid-input', `${path}: is not made from Distill-MOS`);
  const description = checkConfiguration(JSON.parse(stated), descriptionSchema, path);
  const weights = new Map(
    distillMosSpecs(description.shape).map(({ name, shape }) => {
      const array = arrays.get(name);
      if (array?.shape.join() !== shape.join()) {
        throw new TrainingError('invalid-input', `${path}: ${name} is [${array?.shape}], expected [${shape}]`);
      }
      return [name, array.values];
    }),
  );
  return { description, weights };
}
