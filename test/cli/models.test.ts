import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { agreement } from '../../cli/models/compare.ts';
import { resolveScorerOptions } from '../../src/host/scorer-options.ts';
import { runCli } from '../support/cli.ts';
import { clipPath } from '../support/clips.ts';

const { model } = resolveScorerOptions({});
const shipped = fileURLToPath(new URL('../../models/', import.meta.url));

describe('mediasoup-mos models', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mos-models-'));
  const manifest = join(folder, 'ours.json');

  before(() => {
    const known = JSON.parse(readFileSync(join(shipped, `${model}.json`), 'utf8'));
    const files = [known.file, ...(known.streaming === undefined ? [] : [known.streaming.heads.file])];
    for (const file of files) copyFileSync(join(shipped, file), join(folder, file));
    writeFileSync(manifest, JSON.stringify({ ...known, name: 'ours', sha256: '0'.repeat(64) }));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('lists what is shipped', async () => {
    const { code, stdout } = await runCli(['models', 'list', '--json']);
    assert.equal(code, 0);
    assert.ok(JSON.parse(stdout).some(({ name }: { name: string }) => name === model));
  });

  it('fits a terminal of 100 columns', async () => {
    const { stdout } = await runCli(['models', 'list']);
    const widest = Math.max(...stdout.split('\n').map((line) => line.length));
    assert.ok(stdout.includes(model) && widest <= 100, `${widest} columns:\n${stdout}`);
  });

  it('verifies the shipped models with speech, and finds one whose file is another', async () => {
    const good = await runCli(['models', 'verify']);
    const bad = await runCli(['models', 'verify', manifest, model]);
    assert.equal(good.code, 0, good.stdout);
    for (const line of good.stdout.trim().split('\n'))
      assert.match(line, /^ok {6}.* scores of speech, .*: computed offline .*, in a batch .*, as expected within/);
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, /^BROKEN {2}.*ours\.json: .*sha256: expected 0{64}/m);
    assert.match(bad.stdout, new RegExp(`^ok {6}${model} `, 'm'));
  });

  it('compares two models on recordings', async () => {
    const files = [clipPath('golden/0041'), clipPath('golden/0130'), clipPath('golden/0251')];
    const { code, stdout } = await runCli(['models', 'compare', '--json', model, model, ...files]);
    assert.equal(code, 0);
    const { n, bias, rmsDifference, pcc } = JSON.parse(stdout);
    assert.deepEqual([n, bias, rmsDifference], [3, 0, 0]);
    assert.ok(Math.abs(pcc - 1) < 1e-9);
  });
});

describe('agreement', () => {
  const pairs = (...values: [number, number][]) => values.map(([one, other]) => ({ file: 'x', one, other }));

  it('is worked out by hand', () => {
    const { n, bias, rmsDifference, pcc } = agreement(pairs([1, 2], [2, 2], [3, 5]));
    assert.equal(n, 3);
    assert.equal(bias, 1);
    assert.ok(Math.abs(rmsDifference - Math.sqrt(5 / 3)) < 1e-12);
    assert.ok(Math.abs((pcc as number) - 3 / Math.sqrt(2 * 6)) < 1e-12);
  });

  it('has no correlation of two files, or of a model that always says the same', () => {
    assert.equal(agreement(pairs([1, 2], [2, 3])).pcc, undefined);
    assert.equal(agreement(pairs([1, 2], [2, 2], [3, 2])).pcc, undefined);
  });
});
