import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/base/package-root.ts';
import { type ModelManifest, parseManifest } from '../../src/model/manifest.ts';

/** Manifests of the models that the package brings, by name. */
export function shippedManifests(): ModelManifest[] {
  const folder = join(packageRoot, 'models');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => parseManifest(readFileSync(join(folder, name), 'utf8'), join(folder, name)));
}
