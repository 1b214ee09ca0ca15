import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ModelLoadError } from '../base/errors.ts';
import { packageRoot } from '../base/package-root.ts';
import type { NativeFeatureConstants } from '../engine/contract.ts';
import { type ModelManifest, parseManifest } from './manifest.ts';
import type { Model } from './model.ts';
import { Network } from './network.ts';
import { StreamingModel } from './streaming-model.ts';
import { WindowedModel } from './windowed-model.ts';

const shippedModels = join(packageRoot, 'models');

/**
 * Loads a model by the name it has in this package's models/, or by the path of its manifest (.json).
 * `features`: the constants of the front end that will feed it.
 *
 * @throws {ModelLoadError} naming the file, the field, what was expected and what was found
 */
export async function loadModel(nameOrPath: string, features: NativeFeatureConstants): Promise<Model> {
  const path = await manifestPath(nameOrPath);
  const manifest = parseManifest((await read(path)).toString('utf8'), path);
  checkFeatures(manifest, features, path);
  const network = await openNetwork(path, manifest, 'sha256');
  if (manifest.streaming === undefined) return WindowedModel.create(manifest, network, path);
  const heads = await openNetwork(path, manifest.streaming.heads, 'streaming.heads.sha256');
  return StreamingModel.create(manifest, network, heads, path);
}

/** `field`: where the hash stands in the manifest. */
async function openNetwork(
  manifestPath: string,
  { file, sha256 }: { file: string; sha256: string },
  field: string,
): Promise<Network> {
  const path = join(dirname(manifestPath), file);
  const bytes = await read(path);
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found === sha256) return Network.open(bytes, file);
  const message = `${path}: ${field}: expected ${sha256} (${manifestPath}), got ${found}`;
  throw new ModelLoadError('ERR_MODEL_HASH', message);
}

/**
 * Where the manifest lies of a model that is named as in `loadModel`.
 *
 * @throws {ModelLoadError} ERR_MODEL_NOT_FOUND when it is neither a path that ends with .json nor a shipped model
 */
export async function manifestPath(nameOrPath: string): Promise<string> {
  return nameOrPath.endsWith('.json') ? resolve(nameOrPath) : shippedPath(nameOrPath);
}

async function shippedPath(name: string): Promise<string> {
  const files = (await readdir(shippedModels)).filter((file) => file.endsWith('.json'));
  if (files.includes(`${name}.json`)) return join(shippedModels, `${name}.json`);
  const names = files.map((file) => file.slice(0, -'.json'.length)).join(', ');
  const message = `model '${name}': neither a path that ends with .json nor one of the models here: ${names}`;
  throw new ModelLoadError('ERR_MODEL_NOT_FOUND', message);
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new ModelLoadError('ERR_MODEL_NOT_FOUND', `${path}: no such file`, { cause });
  }
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
