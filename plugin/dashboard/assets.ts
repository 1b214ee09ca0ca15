import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { packageRoot, runsFromSource } from '../../src/base/package-root.ts';

export interface Asset {
  readonly body: Buffer;
  readonly contentType: string;
  /** As in the header: in quotes. */
  readonly etag: string;
}

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Where the bundle of web/ lies: made by scripts/build-dashboard.mjs, or with the package. */
const folder = join(packageRoot, runsFromSource ? 'build' : 'dist', 'dashboard');

/** The page's files by path ('/' is the page), held in memory: what is not among them is not served. */
export function loadAssets(): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>();
  for (const name of namesIn(folder)) {
    const contentType = contentTypes[extname(name)];
    if (contentType === undefined) continue;
    const body = readFileSync(join(folder, name));
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    assets.set(name === 'index.html' ? '/' : `/${name}`, { body, contentType, etag });
  }
  return assets;
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    const hint = runsFromSource ? 'run `npm run build:dashboard`' : 'the package is not complete';
    throw new Error(`the dashboard's page is not in ${path}: ${hint}`, { cause: error });
  }
}
