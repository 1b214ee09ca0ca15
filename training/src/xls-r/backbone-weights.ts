import { createHash, type Hash } from 'node:crypto';
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { TrainingError } from '../run/errors.ts';
import { readConfiguration } from '../run/files.ts';
import { Safetensors, type StoredTensor } from '../run/safetensors.ts';

/** Names of arrays in other versions of PyTorch and transformers: ours to theirs. */
const otherNames: readonly [string, string][] = [
  ['.weight_g', '.parametrizations.weight.original0'],
  ['.weight_v', '.parametrizations.weight.original1'],
];

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * The weights in a Hugging Face model folder: `model.safetensors`, or `model.safetensors.index.json` and its parts. Names
 * may begin with `wav2vec2.`, as those of a model with a task's head do.
 */
export class BackboneWeights {
  readonly folder: string;
  readonly #files: readonly Safetensors[];
  readonly #places = new Map<string, Safetensors>();

  /** @throws {TrainingError} invalid-input when there are none, or a part is missing or cut off */
  constructor(folder: string) {
    this.folder = folder;
    const opened: Safetensors[] = [];
    try {
      for (const file of weightFiles(folder)) {
        const part = new Safetensors(file);
        opened.push(part);
        for (const name of part.names) this.#places.set(name, part);
      }
    } catch (error) {
      for (const part of opened) part.close();
      throw error;
    }
    this.#files = opened;
  }

  /** @throws {TrainingError} invalid-input when it is missing or has another shape */
  read(name: string, shape: readonly number[]): StoredTensor {
    const stored = this.#storedName(name);
    const file = stored === undefined ? undefined : this.#places.get(stored);
    if (!file || stored === undefined) throw new TrainingError('invalid-input', `${this.folder}: has no ${name}`);
    if (file.shapeOf(stored).join() !== shape.join()) {
      throw new TrainingError(
        'invalid-input',
        `${this.folder}: ${stored} has shape [${file.shapeOf(stored)}], expected [${shape}]`,
      );
    }
    return file.read(stored);
  }

  close(): void {
    for (const file of this.#files) file.close();
  }

  #storedName(name: string): string | undefined {
    const spellings = [name, ...otherNames.map(([ours, theirs]) => name.replace(ours, theirs))];
    return spellings.flatMap((each) => [each, `wav2vec2.${each}`]).find((each) => this.#places.has(each));
  }
}

/** Adds configuration and weights of a model folder to a hash. */
export function hashBackbone(folder: string, hash: Hash = createHash('sha256')): Hash {
  const buffer = Buffer.alloc(2 ** 22);
  for (const path of [join(folder, 'config.json'), ...weightFiles(folder)]) {
    const file = openSync(path, 'r');
    for (let got = readSync(file, buffer); got > 0; got = readSync(file, buffer)) hash.update(buffer.subarray(0, got));
    closeSync(file);
  }
  return hash;
}

function weightFiles(folder: string): string[] {
  const whole = join(folder, 'model.safetensors');
  if (existsSync(whole)) return [whole];
  const index = `${whole}.index.json`;
  if (!existsSync(index)) {
    throw new TrainingError(
      'invalid-input',
      `${folder}: has neither model.safetensors nor model.safetensors.index.json`,
    );
  }
  const parts = [...new Set(Object.values(readConfiguration(index, indexSchema).weight_map))].sort();
  const outside = parts.find((part) => part !== basename(part));
  if (outside !== undefined) throw new TrainingError('invalid-input', `${index}: ${outside} is not a file beside it`);
  return parts.map((part) => join(folder, part));
}
