import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageName = 'mediasoup-mos';

/** This module's own file: in src/ as TypeScript, in dist/ once built, or the file that it was bundled into. */
const here = ownFile();

function ownFile(): string {
  // A bundler that makes CommonJS of the ES module leaves no import.meta.url.
  const url: string | undefined = import.meta.url;
  return url === undefined ? __filename : fileURLToPath(url);
}

const isOurs = (folder: string): boolean => {
  const file = join(folder, 'package.json');
  return existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown }).name === packageName;
};

/**
 * The folder of this package: above `file`, else as installed for it or for the working directory (`file` is a bundle then).
 *
 * @throws {Error} when it is not installed there
 */
export function findPackageRoot(file: string, workingDirectory: string = process.cwd()): string {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if (isOurs(folder)) return folder;
    if (folder === dirname(folder)) break;
  }
  for (const from of [file, join(workingDirectory, 'bundle.js')]) {
    try {
      return dirname(createRequire(from).resolve(`${packageName}/package.json`));
    } catch {
      // the next; if there is none, the error below names what to do
    }
  }
  throw new Error(
    `${packageName} is bundled into ${file} and not installed next to it: its scorer process, native addon and models are ` +
      `files of their own. Keep it out of the bundle (esbuild: --external:${packageName}), or install it there too.`,
  );
}

/** Folder of this package's package.json. */
export const packageRoot = findPackageRoot(here);

/** True while running from the TypeScript sources. */
export const runsFromSource = here.endsWith('.ts') && here.startsWith(packageRoot);

/** Loads CommonJS modules and addons by absolute path, or packages as this package sees them. */
export const requireFromPackage = createRequire(join(packageRoot, 'package.json'));
