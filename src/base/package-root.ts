import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** This module's own file: in src/ as TypeScript, in dist/ once built. */
const here = fileURLToPath(import.meta.url);

function findPackageRoot(): string {
  for (let folder = dirname(here); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder))
      throw new Error(`no package.json above ${here}: do not bundle this package into another file`);
  }
}

/** Folder of this package's package.json. */
export const packageRoot = findPackageRoot();

/** True while running from the TypeScript sources. */
export const runsFromSource = here.endsWith('.ts');
