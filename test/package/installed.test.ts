import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import ts from 'typescript';
import { installAlone } from '../support/alone.ts';
import { clipPath } from '../support/clips.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

/** Below the repository, so that the package's dependencies are found there as if npm had installed them. */
const project = join(root, 'build/package-test');
const installed = join(project, 'node_modules/mediasoup-mos');
const addon = join(installed, `prebuilds/linux-${process.arch}/mediasoup-mos.glibc.node`);
/** The large model, whose weights cannot be compressed, is 4.2 MB of it. */
const maxTarballBytes = 6.8e6;
/** The runtime of the networks for two processors, compressed. */
const maxRuntimeBytes = 29e6;

suite('the packed package in an empty project', () => {
  let tarball: string;

  before(async () => {
    await rm(project, { recursive: true, force: true });
    await mkdir(installed, { recursive: true });
    // With its `prepack`: builds dist/ and the addon that is brought.
    await run('npm', ['pack', '--pack-destination', project], { cwd: root });
    const name = (await readdir(project)).find((each) => each.endsWith('.tgz'));
    assert.ok(name);
    tarball = join(project, name);
    await run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
    await writeFile(join(project, 'package.json'), '{ "name": "a-user", "private": true }');
  });

  test('nothing is run when it is installed, neither of it nor of what it depends on', async () => {
    const { scripts, gypfile, dependencies } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
    const hooks = ['preinstall', 'install', 'postinstall'];
    for (const hook of hooks) assert.equal(scripts[hook], undefined);
    // Package managers compile a package with such a file in its root folder.
    assert.equal(gypfile, false);
    assert.ok(!(await readdir(installed)).includes('binding.gyp'));
    const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
    const names = Object.keys(dependencies);
    assert.ok(names.length > 0);
    for (const name of names) {
      const entry = lock.packages[`node_modules/${name}`];
      assert.notEqual(entry.hasInstallScript, true, name);
      for (const further of Object.keys(entry.dependencies ?? {})) if (!names.includes(further)) names.push(further);
    }
  });

  test('it brings the runtime of the networks, without CUDA and without other systems', async () => {
    const runtime = join(installed, 'runtime');
    assert.deepEqual(await readdir(join(runtime, 'bin/napi-v6')), ['linux']);
    assert.match(await readFile(join(runtime, 'LICENSE'), 'utf8'), /Microsoft/);
    const { scripts, dependencies } = JSON.parse(await readFile(join(runtime, 'package.json'), 'utf8'));
    assert.deepEqual([scripts, dependencies], [undefined, undefined]);
  });

  test('its addon needs no libopus of the system, and runs on every x86-64', async () => {
    const { stdout: libraries } = await run('ldd', [addon]);
    assert.ok(!libraries.includes('opus'), libraries);
    const bindings = await readFile(join(installed, 'addon/binding.gyp'), 'utf8');
    assert.doesNotMatch(bindings, /-m(arch|tune|avx|cpu)/);
  });

  for (const [kind, file] of [
    ['ES module', 'use.mjs'],
    ['CommonJS', 'use.cjs'],
  ] as const) {
    test(`${kind}: an observer with its scorer process starts and closes`, async () => {
      await cp(new URL(file, import.meta.url), join(project, file));
      const { stdout } = await run(process.execPath, [file], { cwd: project, timeout: 60_000 });
      assert.deepEqual(JSON.parse(stdout), { closed: false, scorer: 'function', metrics: 'function' });
    });
  }

  test('what its types declare as values is there, and nothing else', async () => {
    const { exports } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
    const entries = Object.values<{ import?: { types: string; default: string } } | string>(exports).flatMap((entry) =>
      typeof entry === 'string' || entry.import === undefined ? [] : [entry.import],
    );
    assert.ok(entries.length >= 5);
    const program = ts.createProgram(
      entries.map(({ types }) => join(installed, types)),
      { module: ts.ModuleKind.NodeNext, noLib: true },
    );
    const checker = program.getTypeChecker();
    const isValue = (symbol: ts.Symbol) => {
      if (symbol.declarations?.some(ts.isTypeOnlyExportDeclaration)) return false;
      const { flags } = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      return (flags & ts.SymbolFlags.Value) !== 0;
    };
    for (const { types, default: module } of entries) {
      const file = program.getSourceFile(join(installed, types));
      const symbol = file && checker.getSymbolAtLocation(file);
      assert.ok(symbol, types);
      const declared = checker.getExportsOfModule(symbol).filter(isValue);
      assert.deepEqual(
        declared.map(({ name }) => name).sort(),
        Object.keys(await import(join(installed, module))).sort(),
        types,
      );
    }
  });

  test('its command scores a recording, and finds itself well', async () => {
    const { bin } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
    const command = join(installed, bin['mediasoup-mos']);
    assert.match(await readFile(command, 'utf8'), /^#!\/usr\/bin\/env node\n/);
    const cli = async (...args: string[]) => (await run(process.execPath, [command, ...args], { cwd: project })).stdout;
    const [scored] = JSON.parse(await cli('score', '--format', 'json', clipPath('speech/woman-1')));
    assert.ok(scored.report.mosLqo > 3, `${scored.report.mosLqo}`);
    const findings: { what: string; status: string }[] = JSON.parse(await cli('doctor', '--json'));
    assert.deepEqual(
      findings.filter(({ status }) => status === 'broken'),
      [],
    );
  });

  test('a server in one file finds it where it is installed, and names the bundling where it is not', async () => {
    const source =
      "import { Scorer } from 'mediasoup-mos/scorer'; Scorer.create().then(async (s) => { await s.close(); console.log('scored'); });";
    for (const format of ['esm', 'cjs'] as const) {
      const alone = await mkdtemp(join(tmpdir(), 'mos-bundle-'));
      try {
        const file = `server.${format === 'esm' ? 'mjs' : 'cjs'}`;
        await build({
          stdin: { contents: source, resolveDir: project },
          ...{ bundle: true, format, platform: 'node', target: 'node20', logLevel: 'silent' },
          // What esbuild leaves out of ES modules: CommonJS packages in there ask for built-in modules.
          ...(format === 'esm'
            ? {
                banner: {
                  js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);",
                },
              }
            : {}),
          outfile: join(alone, file),
        });
        await cp(join(alone, file), join(project, file));
        const { stdout } = await run(process.execPath, [file], { cwd: project, timeout: 60_000 });
        assert.equal(stdout, 'scored\n', format);
        await assert.rejects(
          run(process.execPath, [file], { cwd: alone, timeout: 60_000 }),
          /mediasoup-mos is bundled into .*server\.[mc]js.*--external:mediasoup-mos/s,
        );
      } finally {
        await rm(alone, { recursive: true });
      }
    }
  });

  test('without optional packages it scores, and names the one that something needs', async () => {
    const alone = await installAlone('mediasoup-mos', tarball);
    try {
      const { stdout } = await run(
        process.execPath,
        ['--input-type=module', '--eval', "await import('mediasoup-mos'); console.log('loaded');"],
        { cwd: alone },
      );
      assert.equal(stdout, 'loaded\n');
      const command = join(alone, 'node_modules/mediasoup-mos/dist/cli/main.mjs');
      const cli = (...args: string[]) => run(process.execPath, [command, ...args], { cwd: alone });
      assert.match((await cli('score', '--format', 'csv', clipPath('speech/woman-1'))).stdout, /woman-1\.wav,1,12\./);
      await assert.rejects(cli('serve'), /serve needs socket\.io, which is not installed: npm install socket\.io\n/);
      await assert.rejects(cli('listen', 'http://127.0.0.1:9/mos'), /listen needs socket\.io-client, .*npm install/);
      for (const [entry, name] of [
        ['client', 'socket.io-client'],
        ['metrics', 'prom-client'],
      ]) {
        const code = `await import('mediasoup-mos/${entry}');`;
        const loading = run(process.execPath, ['--input-type=module', '--eval', code], { cwd: alone });
        await assert.rejects(loading, new RegExp(`Cannot find package '${name}'`));
      }
    } finally {
      await rm(alone, { recursive: true });
    }
  });

  test('is small, and holds what scoring needs and nothing of the tests', async () => {
    const { size } = await stat(tarball);
    console.log(`the tarball has ${(size / 1e6).toFixed(2)} MB`);
    const { stdout: runtimeBytes } = await run('sh', ['-c', 'tar -cz runtime | wc -c'], { cwd: installed });
    assert.ok(Number(runtimeBytes) < maxRuntimeBytes, `runtime: ${runtimeBytes} bytes`);
    assert.ok(size - Number(runtimeBytes) < maxTarballBytes, `${size} bytes`);
    const names = await readdir(installed);
    for (const name of ['LICENSE', 'README.md', 'addon', 'runtime', 'dist', 'models', 'native', 'prebuilds'])
      assert.ok(names.includes(name), name);
    for (const name of ['src', 'plugin', 'cli', 'test', 'scripts']) assert.ok(!names.includes(name), name);
    assert.ok((await readdir(dirname(addon))).includes('LICENSE.libopus'));
  });
});
