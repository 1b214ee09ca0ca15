import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

/** Below the repository, so that the package's dependencies are found there as if npm had installed them. */
const project = join(root, 'build/package-test');
const installed = join(project, 'node_modules/mediasoup-mos');

suite('the packed package in an empty project', () => {
  before(async () => {
    await rm(project, { recursive: true, force: true });
    await mkdir(installed, { recursive: true });
    await run(process.execPath, [join(root, 'node_modules/tsdown/dist/run.mjs'), '--log-level', 'error'], {
      cwd: root,
    });
    await run('npm', ['pack', '--pack-destination', project], { cwd: root });
    const tarball = (await readdir(project)).find((name) => name.endsWith('.tgz'));
    assert.ok(tarball);
    await run('tar', ['-xzf', join(project, tarball), '-C', installed, '--strip-components=1']);
    // What npm would build at installation from binding.gyp and native/.
    await cp(join(root, 'build/Release/mediasoup_mos.node'), join(installed, 'build/Release/mediasoup_mos.node'));
  });

  for (const [kind, file] of [
    ['ES module', 'use.mjs'],
    ['CommonJS', 'use.cjs'],
  ] as const) {
    test(`${kind}: an observer with its scorer process starts and closes`, async () => {
      await cp(new URL(file, import.meta.url), join(project, file));
      await writeFile(join(project, 'package.json'), '{ "name": "a-user", "private": true }');
      const { stdout } = await run(process.execPath, [file], { cwd: project, timeout: 60_000 });
      assert.deepEqual(JSON.parse(stdout), { closed: false, scorer: 'function' });
    });
  }

  test('holds what building the addon and scoring need, and nothing of the tests', async () => {
    const names = await readdir(installed);
    for (const name of ['LICENSE', 'README.md', 'binding.gyp', 'dist', 'models', 'native'])
      assert.ok(names.includes(name), name);
    for (const name of ['src', 'plugin', 'test', 'scripts']) assert.ok(!names.includes(name), name);
  });
});
