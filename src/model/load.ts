import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ModelLoadError } from '../errors.ts';
import type { NativeFeatureConstants } from '../native/contract.ts';
import { packageRoot } from '../package-root.ts';
import { type ModelManifest, parseManifest } from './manifest.ts';
import { Model } from './model.ts';

const shippedModels = join(packageRoot, 'models');

/**
 * Loads a model by the name it has in this package's models/, or by the path of its manifest (.json).
 * `features`: the constants of the front end that will feed it.
 *
 * @throws {ModelLoadError} naming the file, the field, what was expected and what was found
 */
export async function loadModel(nameOrPath: string, features: NativeFeatureConstants): Promise<Model> {
  const path = nameOrPath.endsWith('.json') ? resolve(nameOrPath) : join(shippedModels, `${nameOrPath}.json`);
  const manifest = parseManifest((await read(path)).toString('utf8'), path);
  if (manifest.form !== 'windowed') {
    throw new ModelLoadError('ERR_MODEL_MANIFEST', `${path}: form: expected 'windowed', got '${manifest.form}'`);
  }
  checkFeatures(manifest, features, path);
  const networkPath = join(dirname(path), manifest.file);
  const network = await read(networkPath);
  const sha256 = createHash('sha256').update(network).digest('hex');
  if (sha256 !== manifest.sha256) {
    throw new ModelLoadError(
      'ERR_MODEL_HASH',
      `${networkPath}: sha256: expected ${manifest.sha256} (${path}), got ${sha256}`,
    );
  }
  return Model.create(manifest, network, path);
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    const shipped = dirname(path) === shippedModels ? `; models there: ${(await shippedNames()).join(', ')}` : '';
    throw new ModelLoadError('ERR_MODEL_NOT_FOUND', `${path}: no such file${shipped}`, { cause });
  }
}

async function shippedNames(): Promise<string[]> {
  const files = await readdir(shippedModels);
  return files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length));
}

function checkFeatures({ input }: ModelManifest, features: NativeFeatureConstants, path: string): void {
  const constants = input.kind === 'logmel' ? features : { sampleRateHz: features.sampleRateHz };
  for (const [name, expected] of Object.entries(constants)) {
    const got = (input as unknown as Record<string, number>)[name];
    if (got === expected) continue;
    throw new ModelLoadError(
      'ERR_MODEL_FEATURES',
      `${path}: input.${name}: expected ${expected}, as the front end has it, got ${got}`,
    );
  }
}
