import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { defineConfig } from 'tsdown';

/** `import text from './file.css?text'`: a constructed style sheet needs no leave of a content security policy. */
const cssAsText = {
  name: 'css-as-text',
  resolveId: (source: string, importer?: string) =>
    source.endsWith('.css?text') && importer !== undefined ? resolve(dirname(importer), source) : undefined,
  load: async (id: string) =>
    id.endsWith('.css?text')
      ? `export default ${JSON.stringify(await readFile(id.slice(0, -'?text'.length), 'utf8'))}`
      : undefined,
};

export default defineConfig([
  /** ESM and CommonJS with declarations; dist/ mirrors the source folders. */
  {
    entry: [
      'plugin/index.ts',
      'plugin/client/index.ts',
      'plugin/monitoring/metrics.ts',
      'plugin/dashboard/dashboard.ts',
      'src/index.ts',
      'src/host/process/main.ts',
      'cli/main.ts',
      'cli/score/worker.ts',
    ],
    format: ['esm', 'cjs'],
    platform: 'node',
    target: 'node20',
    dts: true,
    sourcemap: true,
    clean: true,
    unbundle: true,
  },
  /** The package of the client alone (plugin/client): the same sources as the server package's own `client`, in one file. */
  {
    name: 'client',
    entry: { index: 'plugin/client/index.ts' },
    outDir: 'plugin/client/dist',
    format: ['esm', 'cjs'],
    platform: 'neutral',
    target: 'es2022',
    dts: true,
    sourcemap: true,
    fixedExtension: true,
    clean: true,
    deps: { neverBundle: ['socket.io-client', 'zod'] },
  },
  /** The dashboard's page: one script with all it needs, beside its document and style. */
  {
    name: 'dashboard',
    entry: { 'mos-dashboard': 'plugin/dashboard/web/element.ts' },
    outDir: 'dist/dashboard',
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    dts: false,
    minify: true,
    fixedExtension: false,
    hash: false,
    plugins: [cssAsText],
    deps: { alwaysBundle: [/.*/], onlyBundle: false },
    copy: ['index.html', 'page.css', 'icon.svg'].map((name) => `plugin/dashboard/web/${name}`),
    banner: '/*! MIT licence. Holds socket.io-client, (c) Guillermo Rauch and contributors, MIT licence too. */',
  },
]);
