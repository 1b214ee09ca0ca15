import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { degrade } from '../src/degrade/degrade.ts';
import { readPcm, readTruths } from '../src/degrade/shard.ts';
import { RunFolder } from '../src/run/run-folder.ts';
import { readEnsemble } from '../src/teach/description.ts';
import { labelFile, readLabels, writeLabels } from '../src/teach/labels.ts';
import { type TeachConfiguration, teach } from '../src/teach/teach.ts';
import { TeacherEnsemble } from '../src/teach/teacher.ts';
import { fixtureCorpus } from './support/fixture-corpus.ts';
import { scratchFolder } from './support/scratch.ts';

const scratch = scratchFolder();
const clips = join(scratch, 'clips');
// The lightest of the teachers, by the descriptions that ship.
const teachers = join(scratch, 'p808.json');
const up = '../'.repeat(scratch.split('/').length - 1);
const description = join(up, import.meta.dirname, '../teachers/dnsmos-p808.yaml');
writeFileSync(teachers, JSON.stringify({ name: 'p808', teachers: [{ description, weight: 1 }] }));

before(async () => {
  const recipe = join(scratch, 'recipe.yaml');
  const text =
    '{ name: t, seconds: 4, content: { speech: 0.7, noise: 0.3 }, chain: [], legs: [{ codec: pcm, weight: 1 }] }';
  writeFileSync(recipe, text);
  const corpus = await fixtureCorpus(scratch);
  await degrade({ out: clips, corpus, recipe, split: 'train', clips: 8, shardClips: 4, seed: 1 });
});

describe('teach', () => {
  it('labels clips with speech, and only those', async () => {
    const out = join(scratch, 'labels');
    const summary = await teach({ out, clips, teachers, seed: 1 });
    const ensemble = await TeacherEnsemble.load(readEnsemble(teachers));
    let labelled = 0;
    for (const shard of [0, 1]) {
      const pcm = readPcm(join(clips, 'shards'), shard);
      const labels = readLabels(out, shard);
      for (const [place, { index, content }] of readTruths(join(clips, 'shards'), shard).entries()) {
        assert.equal(labels[place]?.index, index);
        const expected = content === 'noise' ? null : (await ensemble.score(pcm[place] as Float32Array)).mos;
        assert.equal(labels[place]?.mos, expected);
        if (expected !== null) labelled++;
      }
    }
    await ensemble.close();
    assert.ok(labelled > 0 && labelled < 8);
    assert.deepEqual([summary.clips, summary.labelled], [8, labelled]);
    const { teachers: named } = RunFolder.read(out, 'teach').configuration as TeachConfiguration;
    assert.match(named[0]?.sha256 ?? '', /^[0-9a-f]{64}$/);
  });

  it('labels only what is not yet labelled', async () => {
    const out = join(scratch, 'stopped');
    await teach({ out, clips, teachers, seed: 1 });
    const second = readFileSync(labelFile(out, 1), 'utf8');
    rmSync(labelFile(out, 1));
    const kept = '{"index":0,"mos":1.5,"teachers":{}}\n';
    writeFileSync(labelFile(out, 0), kept);
    await teach({ out, clips, teachers, seed: 1 });
    assert.equal(readFileSync(labelFile(out, 0), 'utf8'), kept);
    assert.equal(readFileSync(labelFile(out, 1), 'utf8'), second);
  });

  it('does not ask a teacher again whose scores are known', async () => {
    const out = join(scratch, 'labels');
    const both = join(scratch, 'both.json');
    const members = [
      { description, weight: 3 },
      { description: join(description, '../plcmos.yaml'), weight: 1 },
    ];
    writeFileSync(both, JSON.stringify({ name: 'both', teachers: members }));
    // Scores that no network gave tell whether one was asked.
    const known = join(scratch, 'known');
    cpSync(out, known, { recursive: true });
    for (const shard of [0, 1]) {
      const labels = readLabels(known, shard);
      const altered = labels.map((label) =>
        label.mos === null ? label : { ...label, teachers: { 'dnsmos-p808': 9 } },
      );
      writeLabels(known, shard, altered);
    }
    await teach({ out: join(scratch, 'asked'), clips, teachers: both, seed: 1 });
    await teach({ out: join(scratch, 'told'), clips, teachers: both, seed: 1, known });
    for (const shard of [0, 1]) {
      const told = readLabels(join(scratch, 'told'), shard);
      for (const [place, asked] of readLabels(join(scratch, 'asked'), shard).entries()) {
        const plcmos = asked.teachers.plcmos as number;
        const expected =
          asked.mos === null ? asked : { ...asked, mos: (27 + plcmos) / 4, teachers: { 'dnsmos-p808': 9, plcmos } };
        assert.deepEqual(told[place], expected);
      }
    }
    const elsewhere = join(scratch, 'elsewhere');
    cpSync(clips, elsewhere, { recursive: true });
    const wrong = { out: join(scratch, 'not-told'), clips: elsewhere, teachers: both, seed: 1, known };
    await assert.rejects(teach(wrong), {
      code: 'invalid-input',
      message: /holds labels of .*clips, not of .*elsewhere/,
    });
  });

  it('refuses clips that are not finished or not clips', async () => {
    const out = join(scratch, 'wrong');
    await assert.rejects(teach({ out, clips: scratch, teachers, seed: 1 }), {
      code: 'invalid-input',
      message: /run\.json/,
    });
    const labels = join(scratch, 'labels');
    await assert.rejects(teach({ out, clips: labels, teachers, seed: 1 }), /was made by "teach"/);
    rmSync(join(clips, 'shards/00001.jsonl'));
    await assert.rejects(teach({ out, clips, teachers, seed: 1 }), /not finished: 1 of 2 shards/);
  });
});
