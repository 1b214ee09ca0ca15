import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
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

/** Packages of the command line: the other modules import them from the file that the build `cli-packages` makes of them. */
const cliPackages = ['commander', 'csv', 'progress-bar', 'table'];
const cliPackagesApart = {
  name: 'cli-packages-apart',
  resolveId(source: string) {
    const name = cliPackages.find((each) => source.endsWith(`/packages/${each}.ts`));
    return name === undefined ? undefined : { id: resolve(`cli/packages/${name}.mjs`), external: 'relative' as const };
  },
};

/** The command line and its workers are run as ES modules only. */
const noCommonJsOfPrograms = {
  name: 'no-commonjs-of-programs',
  generateBundle({ format }: { format: string }, bundle: Record<string, unknown>) {
    if (format !== 'cjs') return;
    for (const name of Object.keys(bundle)) if (/^(cli|src\/host\/process\/main)\b/.test(name)) delete bundle[name];
  },
};

/** Licences of what is bundled, next to it. */
const licences = {
  name: 'licences',
  async generateBundle(
    this: { emitFile(file: object): void },
    _: unknown,
    bundle: Record<string, { moduleIds?: string[] }>,
  ) {
    const modules = Object.values(bundle).flatMap(({ moduleIds }) => moduleIds ?? []);
    const folders = modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []);
    const texts = [...new Set(folders)].sort().map(async (folder) => {
      const file = (await readdir(folder)).find((each) => /^licen[cs]e/i.test(each));
      if (file === undefined) throw new Error(`${folder} has no licence`);
      return `${basename(folder)}\n\n${await readFile(join(folder, file), 'utf8')}`;
    });
    this.emitFile({ type: 'asset', fileName: 'LICENSES', source: (await Promise.all(texts)).join('\n\n') });
  },
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
    plugins: [cliPackagesApart, noCommonJsOfPrograms],
  },
  /** In the package, so that a server does not install what only the command line needs. */
  {
    name: 'cli-packages',
    entry: cliPackages.map((name) => `cli/packages/${name}.ts`),
    outDir: 'dist/cli/packages',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    dts: false,
    hash: false,
    plugins: [licences],
    deps: { alwaysBundle: [/.*/], onlyBundle: false },
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
