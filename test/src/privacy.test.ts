import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { loadNative } from '../../src/engine/load.ts';
import { clipPath } from '../support/clips.ts';
import { windowedModel } from '../support/models.ts';
import { until } from '../support/waiting.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'privacy-'));
after(() => rmSync(folder, { recursive: true }));

const options = JSON.stringify({ model: windowedModel });
const inThread = `
  const { register } = await import('tsx/esm/api');
  register();
  import { workerData } from 'node:worker_threads';
  const { openSession } = await import('./src/host/open-session.ts');
  await openSession(${options});
`;

/** What loads the runtime of networks, as lines of an ES module that is run in the repository's root folder. */
const programs = {
  'a scorer process': `
    const { Scorer } = await import('./src/host/scorer.ts');
    await Scorer.create(${options});`,
  'a session in the main thread': `
    const { openSession } = await import('./src/host/open-session.ts');
    await openSession(${options});`,
  'a session in a worker thread': `
    const { Worker } = await import('node:worker_threads');
    const worker = new Worker(${JSON.stringify(inThread)}, { eval: true });
    await new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve));`,
  'the tools of the training': `
    const { readFileSync } = await import('node:fs');
    const { openGraph } = await import('./training/src/onnx/session.ts');
    await openGraph(readFileSync('./test/fixtures/models/standin.onnx'));`,
} as const;

/** The runtime as anybody else loads it: does what is not wanted, so shows that it would be seen. */
const control = `
  const { readFileSync } = await import('node:fs');
  const { InferenceSession } = await import('onnxruntime-node');
  await InferenceSession.create(readFileSync('./test/fixtures/models/standin.onnx'));`;

/** A program under strace, with a home of its own that is empty, and without what else turns telemetry off. */
class Traced {
  readonly #home: string;
  readonly #trace: string;
  readonly #child;
  readonly #ended: Promise<number | null>;
  #output = '';

  constructor(name: string, args: readonly string[]) {
    this.#home = mkdtempSync(join(folder, `${name.replaceAll(' ', '-')}-`));
    this.#trace = `${this.#home}.trace`;
    const { CI: _ci, ORT_DISABLE_TELEMETRY: _off, ORT_RUNNING_UNIT_TESTS: _tests, ...env } = process.env;
    const calls = 'trace=connect,sendto,sendmsg,sendmmsg,openat';
    this.#child = spawn(
      'strace',
      ['-f', '-e', calls, '-o', this.#trace, process.execPath, '--import', 'tsx', ...args],
      {
        cwd: root,
        env: { ...env, HOME: this.#home, XDG_CACHE_HOME: join(this.#home, '.cache') },
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    );
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    this.#ended = new Promise((resolve, reject) => {
      this.#child.on('error', reject).on('close', resolve);
    });
  }

  /** The program, once its lines have run, stays until it is ended. */
  static ofLines(name: string, lines: string): Traced {
    const staying = "console.log('it runs'); process.stdin.resume().on('end', () => process.exit());";
    return new Traced(name, ['--input-type=module', '-e', `${lines}\n${staying}`]);
  }

  /** @throws {Error} when it ended before */
  get runs(): boolean {
    if (this.#child.exitCode !== null) throw new Error(`a program ended: ${this.#output}`);
    return this.#output.includes('it runs');
  }

  files(): string[] {
    return readdirSync(this.#home, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name);
  }

  /** Calls that look up a name or leave the machine. */
  calls(): string[] {
    const lines = readFileSync(this.#trace, 'utf8').split('\n');
    return lines.filter(
      (line) =>
        line.includes('/etc/resolv.conf') ||
        (/sin6?_port=htons\((?!0\))/.test(line) && !/"127\.0\.0\.1"|"::1"/.test(line)),
    );
  }

  /** Resolves with what it printed. */
  async end(): Promise<string> {
    this.#child.stdin.end();
    assert.equal(await this.#ended, 0, this.#output);
    return this.#output;
  }

  /** By itself, once its lines have run. */
  letGo(): void {
    this.#child.stdin.end();
  }
}

describe('nothing is sent to anybody', () => {
  const traced = new Map<string, Traced>();
  let uncontrolled: Traced;

  before(async () => {
    for (const [name, lines] of Object.entries(programs)) traced.set(name, Traced.ofLines(name, lines));
    const score = ['cli/main.ts', 'score', '--model', windowedModel, clipPath('speech/woman-1')];
    traced.set('the command line', new Traced('the command line', score));
    const staying = Object.keys(programs).map((name) => traced.get(name) as Traced);
    await until('all programs have loaded a network', () => staying.every(({ runs }) => runs), 90_000);
    // Started last: what the others would do, they have done when this one has.
    uncontrolled = Traced.ofLines('control', control);
    await until(
      'the runtime by itself looks a name up',
      () => uncontrolled.runs && uncontrolled.calls().length > 0,
      90_000,
    );
    for (const each of [...traced.values(), uncontrolled]) await each.end();
  });

  it('the runtime by itself would: the test sees it', () => {
    assert.ok(uncontrolled.files().includes('deviceid'), uncontrolled.files().join());
    assert.ok(uncontrolled.calls().some((line) => line.includes('/etc/resolv.conf')));
  });

  after(() => {
    for (const each of [...traced.values(), uncontrolled]) each?.letGo();
  });

  for (const name of [...Object.keys(programs), 'the command line']) {
    it(`${name}: no file, no look-up, no packet`, () => {
      assert.deepEqual(traced.get(name)?.files(), []);
      assert.deepEqual(traced.get(name)?.calls(), []);
    });
  }
});

it('one module loads the runtime, the one that turns its telemetry off', () => {
  const listed = execFileSync(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts', '*.mts', '*.mjs', '*.js', '*.cjs'],
    { cwd: root },
  );
  const loading = listed
    .toString()
    .trim()
    .split('\n')
    .filter((file) => !file.startsWith('test/'))
    .filter((file) =>
      /(from |import\(|require\w*\()\s*['"]onnxruntime-(node|common)/.test(readFileSync(join(root, file), 'utf8')),
    );
  assert.deepEqual(loading, ['src/model/runtime.ts']);
});

describe('setEnvironment', () => {
  it('sets it for the process, from a worker thread too', async () => {
    const lines = `require(${JSON.stringify(join(root, 'build/Release/mediasoup_mos.node'))}).setEnvironment('MOS_TEST', 'seen')`;
    await new Promise((resolve, reject) => new Worker(lines, { eval: true }).on('error', reject).on('exit', resolve));
    assert.equal(process.env.MOS_TEST, 'seen');
  });

  it('refuses what is no name or no text', () => {
    assert.throws(() => loadNative().setEnvironment('A=B', ''), { name: 'RangeError', message: /A=B/ });
    assert.throws(() => loadNative().setEnvironment('A', 1 as never), { name: 'TypeError', message: /value/ });
  });
});
