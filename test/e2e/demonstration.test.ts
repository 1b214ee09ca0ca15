import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { demonstrationBots } from '../../examples/conference/src/bots.ts';
import { until } from '../support/waiting.ts';

const main = fileURLToPath(new URL('../../examples/conference/src/main.ts', import.meta.url));
const names = demonstrationBots.map(({ name }) => name);

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Resolves at the end: exit code and signal. */
  readonly ended: Promise<[code: number | null, signal: NodeJS.Signals | null]>;
}

const runs: Run[] = [];

/** The conference as a process of its own. */
function start(...args: string[]): Run {
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = once(child, 'close') as Run['ended'];
  const run = { child, output: () => output, ended };
  runs.push(run);
  return run;
}

/** A process's children, their children, and so on. */
function descendants(pid: number): number[] {
  const parentOf = new Map<number, number>();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      // "pid (command) state parent ...": the command may hold anything, so from its end on.
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      parentOf.set(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It ended meanwhile.
    }
  }
  const childrenOf = (parent: number): number[] =>
    [...parentOf].filter(([, its]) => its === parent).flatMap(([child]) => [child, ...childrenOf(child)]);
  return childrenOf(pid);
}

function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}

describe('the demonstration', () => {
  afterEach(() => {
    for (const { child } of runs.splice(0)) child.kill('SIGKILL');
  });

  test('shows scores for every bot, and ends cleanly on SIGINT', async () => {
    const run = start('--port', '0');
    const pid = run.child.pid ?? 0;
    await until('the page is announced', () => /Join at http:\/\/127\.0\.0\.1:\d+\//.test(run.output()), 60_000);
    const [url = ''] = /http:\/\/127\.0\.0\.1:\d+\//.exec(run.output()) ?? [];
    const page = await fetch(url);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<title>Conference/);

    const scored = (name: string) => new RegExp(`^${name} +[1-5]\\.\\d\\d +[1-5]\\.\\d to [1-5]\\.\\d +\\w+`, 'm');
    for (const name of names) {
      await until(`a score of ${name}`, () => scored(name).test(run.output()), 60_000);
    }
    await until('somebody is muted', () => /^Muting +- +- +\w+ +muted/m.test(run.output()), 60_000);

    const helpers = descendants(pid);
    assert.ok(helpers.length >= 3, `worker, scorer and bots run: ${helpers}`);
    run.child.kill('SIGINT');
    assert.deepEqual(await run.ended, [0, null], run.output());
    await until('every process has ended', () => !helpers.some(isAlive), 10_000);
    assert.doesNotMatch(run.output(), /Error|error/);
  });

  test('the forced end leaves no process behind either', async () => {
    const run = start('--port', '0');
    await until('a bot has joined', () => /^Clean /m.test(run.output()), 60_000);
    const helpers = descendants(run.child.pid ?? 0);
    assert.ok(helpers.length >= 3, `worker, scorer and bots run: ${helpers}`);
    run.child.kill('SIGKILL');
    await run.ended;
    await until('every process has ended', () => !helpers.some(isAlive), 10_000);
  });

  test('a media server that dies is an error that says so, and ends the rest', async () => {
    const run = start('--port', '0', '--no-bots');
    await until('the page is announced', () => run.output().includes('Join at'), 60_000);
    const helpers = descendants(run.child.pid ?? 0);
    const worker = helpers.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('mediasoup-worker'));
    assert.ok(worker);
    process.kill(worker, 'SIGKILL');
    assert.deepEqual(await run.ended, [1, null], run.output());
    assert.match(run.output(), /worker.*died/);
    await until('every process has ended', () => !helpers.some(isAlive), 10_000);
  });

  test('a port in use is an error that names it, and nothing is left running', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    try {
      const run = start('--port', String(port));
      assert.deepEqual(await run.ended, [1, null]);
      assert.match(run.output(), new RegExp(`127\\.0\\.0\\.1:${port} is in use`));
    } finally {
      taken.close();
    }
  });

  test('an unknown option is an error with status 2 that names it', async () => {
    const run = start('--prot', '80');
    assert.deepEqual(await run.ended, [2, null]);
    assert.match(run.output(), /--prot/);
    assert.match(run.output(), /Usage: npm start/);
  });

  test('--help explains the options', async () => {
    const run = start('--help');
    assert.deepEqual(await run.ended, [0, null]);
    for (const option of ['--no-bots', '--port', '--host', '--announced-ip']) assert.ok(run.output().includes(option));
  });
});
