import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { Server } from 'socket.io';
import ts from 'typescript';
import * as client from '../../plugin/client/index.ts';
import { installAlone } from '../support/alone.ts';
import { listenLocally } from '../support/listen-locally.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
const readJson = async (path: string) => JSON.parse(await readFile(path, 'utf8'));

suite('the packed client in an empty project', () => {
  let folder: string;
  let project: string;
  let installed: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mos-client-'));
    await run('npm', ['pack', '--workspace', 'mediasoup-mos-client', '--pack-destination', folder], { cwd: root });
    const [tarball = ''] = await readdir(folder);
    project = await installAlone('mediasoup-mos-client', join(folder, tarball));
    installed = join(project, 'node_modules/mediasoup-mos-client');
  });
  after(async () => {
    for (const each of [folder, project]) await rm(each, { recursive: true, force: true });
  });

  test('has the version of the server package, and what it depends on runs on every system', async () => {
    const description = await readJson(join(installed, 'package.json'));
    assert.equal(description.version, (await readJson(join(root, 'package.json'))).version);
    assert.deepEqual(Object.keys(description.dependencies).sort(), ['socket.io-client', 'zod']);
    assert.deepEqual([description.os, description.cpu, description.license], [undefined, undefined, 'MIT']);
    const files = await readdir(installed, { recursive: true });
    assert.ok(files.includes('LICENSE') && !files.some((name) => name.endsWith('.node')));
  });

  for (const file of ['use-client.mjs', 'use-client.cjs']) {
    test(`${file} subscribes and is sent events`, async () => {
      const http = createServer();
      const port = await listenLocally(http);
      const io = new Server(http);
      try {
        io.of('/mos').on('connection', (socket) => {
          socket.on('subscribe', (_, reply) => {
            reply({ ok: true });
            const head = { producerId: 'a', routerId: 'a-router', sequence: 0, time: 1 };
            socket.emit('noscore', { type: 'noscore', ...head, reason: 'silence', since: 1 });
          });
        });
        await cp(new URL(file, import.meta.url), join(project, file));
        const url = `http://127.0.0.1:${port}/mos`;
        const { stdout } = await run(process.execPath, [file, url], { cwd: project, timeout: 30_000 });
        assert.deepEqual(JSON.parse(stdout), { producerId: 'a', reason: 'silence', known: true, schema: 'object' });
      } finally {
        await io.close();
      }
    });
  }

  test('exports what `mediasoup-mos/client` does', async () => {
    const { default: module } = (await readJson(join(installed, 'package.json'))).exports['.'].import;
    assert.deepEqual(Object.keys(await import(join(installed, module))).sort(), Object.keys(client).sort());
  });

  test('its types need nothing else', async () => {
    const file = join(project, 'types.ts');
    await writeFile(
      file,
      `import { MosClient, type MosScoreEvent } from 'mediasoup-mos-client';
const mos = new MosClient('https://calls.example/mos', { auth: { token: '' } });
mos.on('score', (event: MosScoreEvent) => event.mosLqo.toFixed(1));
// @ts-expect-error it is a number
mos.on('score', ({ mosLqo }) => mosLqo.length);
`,
    );
    const program = ts.createProgram([file], {
      module: ts.ModuleKind.NodeNext,
      lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
      types: [],
      strict: true,
      noEmit: true,
    });
    const own = ts.getPreEmitDiagnostics(program).filter((each) => each.file?.fileName.includes('client') !== false);
    const texts = own.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
    assert.deepEqual(texts, []);
  });

  test('a web page bundles it without anything of Node.js', async () => {
    const { outputFiles } = await build({
      stdin: { contents: "export { MosClient } from 'mediasoup-mos-client';", resolveDir: project },
      bundle: true,
      format: 'esm',
      platform: 'browser',
      minify: true,
      write: false,
      logLevel: 'silent',
    });
    assert.ok((outputFiles[0]?.text.length ?? 0) > 10_000);
  });
});
