import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fixtureCorpus } from './support/fixture-corpus.ts';
import { scratchFolder } from './support/scratch.ts';

const program = join(import.meta.dirname, '../bin/mos-train.mjs');
const scratch = scratchFolder();

function mosTrain(...parameters: string[]) {
  return spawnSync(process.execPath, [program, ...parameters], { encoding: 'utf8' });
}

describe('mos-train', () => {
  it('explains itself and every verb', () => {
    const { stdout, status } = mosTrain('--help');
    assert.equal(status, 0);
    const verbs = [...stdout.matchAll(/^ {2}([a-z]+) (?:\[options\]|\[command\])/gm)].map(([, verb]) => verb as string);
    const files = readdirSync(join(import.meta.dirname, '../src/commands')).map((file) => basename(file, '.ts'));
    assert.deepEqual(verbs.filter((verb) => verb !== 'help').sort(), files.filter((file) => file !== 'options').sort());
    for (const verb of verbs.filter((name) => name !== 'help')) {
      const help = mosTrain(verb, '--help');
      assert.equal(help.status, 0, help.stderr);
      assert.ok(help.stdout.startsWith(`Usage: mos-train ${verb} [options]`), help.stdout);
      // A worker makes no run of its own: it serves those of others.
      if (verb === 'worker') continue;
      for (const option of ['--out', '--seed']) assert.ok(help.stdout.includes(option), `${verb} ${option}`);
    }
  });

  it('ends with status 1 and one line for what a person did wrong', () => {
    const missing = mosTrain('corpus', '--speech', join(scratch, 'nowhere'), '--out', join(scratch, 'a'));
    assert.equal(missing.status, 1);
    assert.equal(missing.stderr.trim(), `mos-train: ${join(scratch, 'nowhere')} is not a folder`);
    for (const wrong of [
      ['--seed', '1.5'],
      ['--seed', 'x'],
      ['--workers', '0'],
      ['--test', '1'],
      ['--sed', '1'],
    ]) {
      const { status, stderr } = mosTrain('corpus', '--out', join(scratch, 'b'), ...wrong);
      assert.equal(status, 1);
      assert.ok(stderr.includes(wrong[0] as string), stderr);
    }
  });

  it('goes on after a kill as if there had been none', async () => {
    const corpus = await fixtureCorpus(scratch);
    const recipe = join(scratch, 'recipe.yaml');
    const legs = '[{ codec: opus, weight: 1, bitrate: 16000, loss: { ratio: 0.1 } }]';
    writeFileSync(recipe, `{ name: t, seconds: 3, chain: [{ step: room, probability: 0.5 }], legs: ${legs} }`);
    const command = (out: string) => [
      ...['degrade', '--corpus', corpus, '--recipe', recipe, '--clips', '24', '--shard-clips', '2'],
      ...['--workers', '1', '--out', join(scratch, out)],
    ];
    assert.equal(mosTrain(...command('whole')).status, 0);

    const shards = join(scratch, 'killed/shards');
    const killed = spawn(process.execPath, [program, ...command('killed')], { detached: true, stdio: 'ignore' });
    const ended = new Promise((resolve) => killed.once('exit', resolve));
    while (!existsSync(join(shards, '00001.jsonl'))) await setTimeout(5);
    process.kill(-(killed.pid as number), 'SIGKILL'); // the whole group: workers too
    await ended;
    const finished = readdirSync(shards).filter((name) => name.endsWith('.jsonl')).length;
    assert.ok(finished >= 2 && finished < 12, `${finished} of 12 shards were finished at the kill`);

    assert.equal(mosTrain(...command('killed')).status, 0);
    const hashes = (folder: string) =>
      readdirSync(folder)
        .filter((name) => !name.endsWith('.tmp'))
        .sort()
        .map((name) => [
          name,
          createHash('sha256')
            .update(readFileSync(join(folder, name)))
            .digest('hex'),
        ]);
    assert.deepEqual(hashes(shards), hashes(join(scratch, 'whole/shards')));
  });
});
