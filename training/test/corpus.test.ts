import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type BadRecording, makeCorpus } from '../src/corpus/corpus.ts';
import { readManifest } from '../src/corpus/manifest.ts';
import { splitRecordings } from '../src/corpus/split.ts';
import { readJsonLines } from '../src/run/files.ts';
import { scratchFolder, tone, writeWav } from './support/scratch.ts';

const scratch = scratchFolder();

function smallCorpus(name: string) {
  const root = join(scratch, name);
  for (const [index, speaker] of ['ada', 'ben', 'cy', 'dee', 'eve'].entries()) {
    writeWav(join(root, 'speech', speaker, 'one.wav'), tone(200 + index, 0.5));
    writeWav(join(root, 'speech', speaker, 'two.wav'), tone(300 + index, 0.25));
  }
  for (const noise of ['fan', 'rain', 'street']) writeWav(join(root, 'noise', `${noise}.wav`), tone(50, 0.2));
  const folders = [
    { path: join(root, 'speech'), kind: 'speech' as const },
    { path: join(root, 'noise'), kind: 'noise' as const },
  ];
  return { root, folders };
}

describe('corpus', () => {
  it('lists recordings with kind, speaker, duration and peak', async () => {
    const { folders } = smallCorpus('plain');
    const out = join(scratch, 'plain-run');
    const summary = await makeCorpus({ out, folders, seed: 1 });
    assert.equal(summary.recordings, 13);
    const manifest = readManifest(out);
    const ada = manifest.find(({ id }) => id === 'ada/one.wav');
    assert.equal(ada?.kind, 'speech');
    assert.equal(ada?.speaker, 'ada');
    assert.equal(ada?.seconds, 0.5);
    assert.ok(Math.abs((ada?.peak ?? 0) - 0.5) < 1e-3);
    assert.equal(manifest.find(({ id }) => id === 'fan.wav')?.speaker, undefined);
  });

  it('lists bad files with their fault and goes on', async () => {
    const { root, folders } = smallCorpus('bad');
    writeFileSync(join(root, 'speech/ada/broken.wav'), 'RIFF, but not for long');
    writeFileSync(join(root, 'speech/ada/empty.wav'), '');
    writeWav(join(root, 'speech/ada/silent.wav'), new Float32Array(8000));
    const out = join(scratch, 'bad-run');
    const summary = await makeCorpus({ out, folders, seed: 1 });
    assert.equal(summary.recordings, 13);
    const bad = readJsonLines<BadRecording>(join(out, 'bad.jsonl'));
    assert.deepEqual(bad.map(({ id }) => id).sort(), ['ada/broken.wav', 'ada/empty.wav', 'ada/silent.wav']);
    for (const { fault } of bad) assert.ok(fault.length > 5);
  });

  it('reads a CSV, relative to it, and rejects a kind it does not know', async () => {
    const { root } = smallCorpus('csv');
    writeFileSync(
      join(root, 'a.csv'),
      'file,kind,speaker,lang,licence\nspeech/ada/one.wav,clean,A,en,CC0\nnoise/fan.wav,noise,,,\n',
    );
    const out = join(scratch, 'csv-run');
    await makeCorpus({ out, folders: [], csvs: [join(root, 'a.csv')], seed: 1 });
    const [speech, noise] = readManifest(out);
    assert.deepEqual(
      [speech?.id, speech?.speaker, speech?.language, speech?.licence],
      ['speech/ada/one.wav', 'A', 'en', 'CC0'],
    );
    assert.equal(noise?.kind, 'noise');
    writeFileSync(join(root, 'b.csv'), 'file,kind\nspeech/ada/one.wav,song\n');
    await assert.rejects(
      makeCorpus({ out: join(scratch, 'csv-b'), folders: [], csvs: [join(root, 'b.csv')], seed: 1 }),
      {
        code: 'invalid-input',
        message: /b\.csv: row 2/,
      },
    );
  });

  it('keeps each speaker in one split and held-out speakers and files out of all others', async () => {
    const { root, folders } = smallCorpus('split');
    const heldOut = join(root, 'held-out.txt');
    writeFileSync(heldOut, '# never\nspeaker eve\nspeaker evelyn\nfile dee/two.wav\nfile rain.wav\n');
    const out = join(scratch, 'split-run');
    const shares = { validation: 0.3, test: 0.3 };
    const summary = await makeCorpus({ out, folders, heldOut: [heldOut], shares, seed: 1 });
    assert.deepEqual(summary.unknownHeldOut, ['evelyn']);
    const manifest = readManifest(out);
    const splitsOf = (speaker: string) =>
      new Set(manifest.filter((r) => r.speaker === speaker).map(({ split }) => split));
    for (const speaker of ['ada', 'ben', 'cy']) assert.equal(splitsOf(speaker).size, 1);
    assert.deepEqual([...splitsOf('eve')], ['held-out']);
    assert.deepEqual([...splitsOf('dee')], ['held-out']);
    assert.equal(manifest.find(({ id }) => id === 'rain.wav')?.split, 'held-out');
    assert.deepEqual(
      new Set(['ada', 'ben', 'cy'].flatMap((s) => [...splitsOf(s)])),
      new Set(['train', 'validation', 'test']),
    );
  });

  it('continues a run without decoding again, and refuses another configuration in its folder', async () => {
    const { folders } = smallCorpus('again');
    const out = join(scratch, 'again-run');
    await makeCorpus({ out, folders, seed: 1 });
    const manifest = readFileSync(join(out, 'manifest.jsonl'), 'utf8');
    const probes = readFileSync(join(out, 'probes.jsonl'), 'utf8');
    appendFileSync(join(out, 'probes.jsonl'), '{"path":"cut off by a ki');
    await makeCorpus({ out, folders, seed: 1 });
    assert.equal(readFileSync(join(out, 'probes.jsonl'), 'utf8'), probes);
    assert.equal(readFileSync(join(out, 'manifest.jsonl'), 'utf8'), manifest);
    await assert.rejects(makeCorpus({ out, folders, seed: 2 }), { code: 'run-mismatch', message: /seed was 1, is 2/ });
  });

  it('keeps out of a folder that another process is at work in, not of one that was killed', async () => {
    const { folders } = smallCorpus('locked');
    const out = join(scratch, 'locked-run');
    mkdirSync(out);
    writeFileSync(join(out, 'lock'), String(process.ppid));
    const busy = { code: 'run-mismatch', message: new RegExp(`process ${process.ppid} is at work`) };
    await assert.rejects(makeCorpus({ out, folders, seed: 1 }), busy);
    const { pid: ended } = spawnSync(process.execPath, ['--version']);
    writeFileSync(join(out, 'lock'), String(ended));
    await makeCorpus({ out, folders, seed: 1 });
    assert.ok(!existsSync(join(out, 'lock')), 'a finished run is open to all');
  });

  it('rejects wrong arguments', async () => {
    const { folders } = smallCorpus('wrong');
    const out = join(scratch, 'wrong-run');
    await assert.rejects(makeCorpus({ out, folders, seed: 1, shares: { validation: 0.5, test: 0.5 } }), RangeError);
    await assert.rejects(makeCorpus({ out, folders, seed: 1, shares: { validation: -0.1, test: 0 } }), RangeError);
    const nowhere = [{ path: join(scratch, 'nowhere'), kind: 'speech' as const }];
    await assert.rejects(makeCorpus({ out: `${out}2`, folders: nowhere, seed: 1 }), { code: 'invalid-input' });
    mkdirSync(join(scratch, 'hollow'));
    const hollow = [{ path: join(scratch, 'hollow'), kind: 'speech' as const }];
    await assert.rejects(makeCorpus({ out: `${out}3`, folders: hollow, seed: 1 }), /no audio files/);
  });
});

describe('splitRecordings', () => {
  it('fills each share of a kind, by speakers', () => {
    const recordings = Array.from({ length: 300 }, (_, n) => ({
      id: `${n}`,
      kind: 'speech' as const,
      speaker: `s${n % 100}`,
    }));
    const heldOut = { speakers: new Set<string>(), files: new Set<string>() };
    const split = splitRecordings(recordings, { shares: { validation: 0.1, test: 0.2 }, heldOut, seed: 1 });
    const count = (name: string) => split.filter((recording) => recording.split === name).length;
    assert.deepEqual([count('train'), count('validation'), count('test')], [210, 30, 60]);
  });
});
