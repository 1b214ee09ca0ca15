import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { degrade } from '../src/degrade/degrade.ts';
import { runOverQueue } from '../src/queue/run-over-queue.ts';
import { serveQueue } from '../src/queue/serve-queue.ts';
import { labelFile } from '../src/teach/labels.ts';
import { teach } from '../src/teach/teach.ts';
import { fixtureCorpus } from './support/fixture-corpus.ts';
import { cuttable, RedisServer } from './support/redis.ts';
import { scratchFolder } from './support/scratch.ts';

const program = join(import.meta.dirname, '../bin/mos-train.mjs');
const scratch = scratchFolder();
const clips = join(scratch, 'clips');
const teachers = join(scratch, 'p808.json');
const up = '../'.repeat(scratch.split('/').length - 1);
const description = join(up, import.meta.dirname, '../teachers/dnsmos-p808.yaml');
writeFileSync(teachers, JSON.stringify({ name: 'p808', teachers: [{ description, weight: 1 }] }));
const shards = 6;

let redis: RedisServer;

after(() => redis.kill());

before(async () => {
  redis = await RedisServer.start();
  const recipe = join(scratch, 'recipe.yaml');
  const text =
    '{ name: t, seconds: 4, content: { speech: 0.8, noise: 0.2 }, chain: [], legs: [{ codec: pcm, weight: 1 }] }';
  writeFileSync(recipe, text);
  const corpus = await fixtureCorpus(scratch);
  await degrade({ out: clips, corpus, recipe, split: 'train', clips: 4 * shards, shardClips: 4, seed: 1 });
});

interface Program {
  process: ChildProcess;
  lines: string[];
  /** Resolves with the first line, from now on or before, that fits. */
  said: (what: RegExp) => Promise<string>;
}

/** Runs `mos-train` as people do. */
function mosTrain(...parameters: string[]): Program {
  const process = spawn(globalThis.process.execPath, [program, ...parameters], { stdio: ['ignore', 'pipe', 'pipe'] });
  after(() => process.kill('SIGKILL'));
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  for (const stream of [process.stdout, process.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      for (const look of waiting) look();
    });
  }
  const said = (what: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const found = lines.find((line) => what.test(line));
        if (found) resolve(found);
      };
      waiting.add(look);
      process.once('exit', () => setImmediate(() => reject(new Error(`ended without ${what}:\n${lines.join('\n')}`))));
      look();
    });
  return { process, lines, said };
}

/** @param stalledAfter - seconds; short where a worker is to be missed soon */
const worker = (url: string, stalledAfter = '60') =>
  mosTrain(
    'worker',
    ...['--queue', url, '--clips', clips, '--teachers', teachers, '--workers', '1', '--stalled-after', stalledAfter],
  );

const labelsOf = (out: string) => Array.from({ length: shards }, (_, n) => readFileSync(labelFile(out, n), 'utf8'));

async function localLabels(): Promise<string[]> {
  const out = join(scratch, 'local');
  if (!existsSync(out)) await teach({ out, clips, teachers, seed: 1 });
  return labelsOf(out);
}

describe('teach with a queue', () => {
  it('gives the labels of a local run, though a worker is killed in the middle of a shard', async () => {
    const out = join(scratch, 'killed');
    const victim = worker(redis.url, '4');
    await victim.said(/waiting for shards/);
    const coordinator = mosTrain('teach', '--queue', redis.url, '--clips', clips, '--teachers', teachers, '--out', out);
    const shard = /shard-\d/.exec(await victim.said(/shard-\d begun/))?.[0] as string;
    victim.process.kill('SIGKILL');
    assert.ok(!victim.lines.some((line) => line.includes(`${shard} done`)));
    const heir = worker(redis.url, '4');
    const [code] = await once(coordinator.process, 'exit');
    assert.equal(code, 0, coordinator.lines.join('\n'));
    assert.ok(heir.lines.some((line) => line.includes(`${shard} begun`)));
    assert.deepEqual(labelsOf(out), await localLabels());
    assert.equal(readdirSync(join(out, 'labels')).length, shards, 'nothing half-written is left');
    assert.match(coordinator.lines.join('\n'), /of 24 clips labelled/);
    // A worker that is told to end does so by itself.
    heir.process.kill('SIGTERM');
    assert.deepEqual(await once(heir.process, 'exit'), [0, null]);
  });

  it('shares the work among workers, and goes on when the coordinator is killed', async () => {
    const out = join(scratch, 'resumed');
    const start = () => mosTrain('teach', '--queue', redis.url, '--clips', clips, '--teachers', teachers, '--out', out);
    const workers = [worker(redis.url), worker(redis.url)];
    await Promise.all(workers.map(({ said }) => said(/waiting for shards/)));
    const first = start();
    await Promise.all(workers.map(({ said }) => said(/shard-\d done/)));
    first.process.kill('SIGKILL');
    const second = start();
    const [code] = await once(second.process, 'exit');
    assert.equal(code, 0, second.lines.join('\n'));
    assert.deepEqual(labelsOf(out), await localLabels());
    const done = workers.flatMap(({ lines }) => lines.filter((line) => line.endsWith('done')));
    assert.equal(done.length, shards, 'no shard was labelled twice');
    assert.equal(new Set(done).size, shards);
    for (const { process } of workers) process.kill('SIGTERM');
    await Promise.all(workers.map(({ process }) => once(process, 'exit')));
  });

  it('says that Redis cannot be reached, without its password', async () => {
    const out = join(scratch, 'unreachable');
    await assert.rejects(teach({ out, clips, teachers, seed: 1, queue: 'redis://me:secret@127.0.0.1:1' }), (error) => {
      const { code, message } = error as Error & { code: string };
      assert.equal(code, 'queue');
      assert.match(message, /Redis at redis:\/\/127\.0\.0\.1:1 cannot be reached/);
      assert.ok(!message.includes('secret'));
      return true;
    });
    await assert.rejects(teach({ out, clips, teachers, seed: 1, queue: 'localhost:6379' }), {
      code: 'invalid-input',
      message: /URL/,
    });
  });

  it('takes neither workers nor threads of its own', async () => {
    const parameters = ['teach', '--queue', redis.url, '--workers', '2', '--clips', clips, '--teachers', teachers];
    const refused = mosTrain(...parameters, '--out', join(scratch, 'never'));
    await refused.said(/'--workers <count>' cannot be used with option '--queue <url>'/);
  });
});

describe('a queue', () => {
  const numbers = new Map(Array.from({ length: 12 }, (_, value) => [`number-${value}`, { value }]));
  const parse = (answer: unknown) => {
    assert.equal(typeof answer, 'number');
    return answer as number;
  };

  /** Runs all numbers through a queue of squares; `between` is called when the first results are there. */
  async function squares(name: string, url: string, between: () => Promise<void>) {
    const ending = new AbortController();
    const troubles: string[] = [];
    const onTrouble = (what: string) => troubles.push(what);
    const { signal } = ending;
    const service = { url, name, concurrency: 2, stalledAfterMs: 1000, onTrouble, signal };
    const serving = serveQueue<{ value: number }, number>(service, async ({ value }) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return value * value;
    });
    const results = new Map<string, number>();
    let disturbed: Promise<void> | undefined;
    await runOverQueue({ url, name, tasks: numbers, parse, pollMs: 20, onTrouble }, (id, result) => {
      assert.ok(!results.has(id), `${id} came twice`);
      results.set(id, result);
      if (results.size === 2) disturbed = between();
    });
    await disturbed;
    ending.abort();
    await serving;
    assert.deepEqual(results, new Map([...numbers].map(([id, { value }]) => [id, value * value])));
    return troubles;
  }

  it('survives a connection that is lost', async () => {
    const { url, cut } = await cuttable(redis.port);
    const troubles = await squares('cut', url, () => cut(1500));
    assert.ok(
      troubles.some((what) => /is lost/.test(what)) && troubles.some((what) => /is back/.test(what)),
      `${troubles}`,
    );
  });

  it('survives a Redis that comes back without its memory', async () => {
    const other = await RedisServer.start();
    await squares('forgotten', other.url, async () => {
      await other.kill();
      await other.start();
    });
    await other.kill();
  });

  it('ends with the error of a task that fails again and again, and tries it again when it is started again', async () => {
    const ending = new AbortController();
    let broken = true;
    const ends = { onTrouble: () => {}, signal: ending.signal };
    const serving = serveQueue<object, string>(
      { url: redis.url, name: 'broken', concurrency: 1, stalledAfterMs: 5000, ...ends },
      async () => {
        if (broken) throw new Error('the shard is damaged');
        return 'fine';
      },
    );
    const results: string[] = [];
    const run = () =>
      runOverQueue(
        {
          url: redis.url,
          name: 'broken',
          tasks: new Map([['only-1', {}]]),
          parse: String,
          pollMs: 20,
          onTrouble: () => {},
        },
        (_, result) => results.push(result),
      );
    await assert.rejects(run(), { code: 'queue', message: 'only-1: the shard is damaged' });
    broken = false;
    await run();
    assert.deepEqual(results, ['fine']);
    ending.abort();
    await serving;
  });
});
