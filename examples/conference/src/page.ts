import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageFolder = fileURLToPath(new URL('..', import.meta.url));
const sourceFolder = join(packageFolder, 'web');
/** The page shares the protocol with the server. */
const sharedFolder = join(packageFolder, 'src');
/** The dashboard's colours, which the page's own style imports. */
const palette = join(packageFolder, '../../plugin/dashboard/web/palette.css');
const outputFolder = join(packageFolder, 'dist');

const contentTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const contentSecurityPolicy = [
  "default-src 'self'",
  "connect-src 'self' ws: wss:",
  "media-src 'self' blob: mediastream:",
  "frame-ancestors 'none'",
].join('; ');

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function hashOfSources(): Promise<string> {
  const hash = createHash('sha256');
  const folders = await Promise.all([sourceFolder, sharedFolder].map(filesBelow));
  for (const file of [join(packageFolder, 'package.json'), palette, ...folders.flat()]) {
    hash
      .update(`${relative(packageFolder, file)}\0`)
      .update(await readFile(file))
      .update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}

/** Bundles web/ into a folder named after its sources' hash, unless that is there; returns the folder. */
async function buildPage(): Promise<string> {
  const folder = join(outputFolder, await hashOfSources());
  if (existsSync(folder)) return folder;
  const { build } = await import('vite');
  // Built beside and moved into place: a second server that starts meanwhile never sees half a page.
  await mkdir(outputFolder, { recursive: true });
  const scratch = await mkdtemp(join(outputFolder, 'building-'));
  try {
    await build({
      root: sourceFolder,
      configFile: false,
      logLevel: 'warn',
      build: { outDir: scratch, emptyOutDir: true, target: 'es2022' },
    });
    await rename(scratch, folder).catch((error) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return folder;
}

/** The page's files, held in memory: what is not among them is not served. */
export class Page {
  readonly #files: ReadonlyMap<string, { body: Buffer; contentType: string }>;

  static async load(): Promise<Page> {
    const folder = await buildPage();
    const files = new Map<string, { body: Buffer; contentType: string }>();
    for (const file of await filesBelow(folder)) {
      const contentType = contentTypes[extname(file)];
      if (contentType === undefined) continue;
      const path = `/${relative(folder, file).split(sep).join('/')}`;
      files.set(path === '/index.html' ? '/' : path, { body: await readFile(file), contentType });
    }
    return new Page(files);
  }

  private constructor(files: ReadonlyMap<string, { body: Buffer; contentType: string }>) {
    this.#files = files;
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const file = this.#files.get(path);
    if (file === undefined) {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('not found\n');
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    response.writeHead(200, {
      'content-type': file.contentType,
      'content-length': file.body.length,
      // The bundle's names hold a hash of their content; the page itself does not.
      'cache-control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      'content-security-policy': contentSecurityPolicy,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    response.end(request.method === 'HEAD' ? undefined : file.body);
  };
}
