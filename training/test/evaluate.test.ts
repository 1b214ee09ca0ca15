import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { parse } from 'csv-parse/sync';
import { type Clip, clipPath, readClip } from '../../test/support/clips.ts';
import { hearFile } from '../src/evaluate/heard.ts';
import { ModelScorer } from '../src/evaluate/model-scorer.ts';
import type { Result } from '../src/evaluate/result.ts';
import { scoredShare } from '../src/evaluate/scored-share.ts';
import { readRatedSets, taughtSet } from '../src/evaluate/sets.ts';
import { scratchFolder, tone, writeWav } from './support/scratch.ts';
import { speechlessFolder, taughtFolder } from './support/taught.ts';
import { tinyStudent } from './support/tiny-student.ts';

const scratch = scratchFolder();
const student = {
  ...tinyStudent,
  network: { ...tinyStudent.network, mels: 64 },
  training: { ...tinyStudent.training, epochs: 12, windows: { shortest: 100, longest: 316, contextFrames: 100 } },
};
const program = join(import.meta.dirname, '../bin/mos-train.mjs');
const mosTrain = (...parameters: string[]) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [program, ...parameters], { encoding: 'utf8' });
  return { status, stderr, stdout };
};

describe('distill, export and evaluate on the command line', () => {
  const [run, models, out] = ['student', 'models', 'evaluation'].map((name) => join(scratch, name)) as [
    string,
    string,
    string,
  ];
  const folder = (speaker: string, seed: number, clips: number) => taughtFolder(scratch, { speaker, seed, clips });
  let test: string;
  let results: Result[];
  const resultOf = (set: string, scorer: string) =>
    results.find((result) => result.set === set && result.scorer === scorer);

  before(() => {
    const [train, validation, calibration] = [
      folder('train', 1, 96),
      folder('validation', 2, 16),
      folder('calibration', 3, 32),
    ];
    test = folder('test', 4, 32);
    const studentFile = join(scratch, 'student.json');
    writeFileSync(studentFile, JSON.stringify(student));
    const rated = join(scratch, 'rated');
    mkdirSync(rated);
    for (const [index, hertz] of [200, 400, 800].entries())
      writeWav(join(rated, `${index}.wav`), tone(hertz, 3 + index));
    writeFileSync(
      join(rated, 'ratings.csv'),
      'file,mos,by,votes,deviation\n0.wav,2,2.5,25,0.5\n1.wav,3,3.5,25,0.5\n2.wav,4,4.2,25,0.5\n',
    );
    const set = {
      name: 'tones',
      csv: 'ratings.csv',
      rating: 'mos',
      reference: 'nobody',
      votes: 'votes',
      deviation: 'deviation',
    };
    writeFileSync(join(rated, 'sets.yaml'), JSON.stringify({ sets: [{ ...set, others: { 'someone, else': 'by' } }] }));
    const steps = [
      ['distill', '--student', studentFile, '--train', train, '--validation', validation, '--out', run],
      ['export', '--student', run, '--calibration', calibration, '--out', models],
      [
        ...['evaluate', '--model', join(models, 'tiny.json'), '--model', join(models, 'tiny-streaming.json')],
        ...['--labels', test, '--rated', join(rated, 'sets.yaml'), '--out', out],
      ],
    ];
    for (const step of steps) {
      const { status, stderr } = mosTrain(...step);
      assert.equal(status, 0, stderr);
    }
    results = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'));
  });

  it('scores better than guessing, alone and in a call', () => {
    const guess = resultOf('labels', 'mean of the ratings')?.perFile.rmse.value as number;
    for (const scorer of ['tiny', 'tiny-streaming', 'tiny-streaming in a call']) {
      const result = resultOf('labels', scorer) as Result;
      assert.equal(result.perFile.n, 32);
      assert.ok(result.perFile.rmse.value < guess, `${scorer}: ${result.perFile.rmse.value}, guessing ${guess}`);
      assert.ok(result.perFile.pcc.value > 0.7, `${scorer}: ${result.perFile.pcc.value}`);
    }
  });

  it('tells coverage, speech and causes', () => {
    const { coverage, nominalCoverage, speechF1, causeAuc, perCondition } = resultOf(
      'labels',
      'tiny-streaming',
    ) as Result;
    assert.equal(nominalCoverage, 0.9);
    assert.ok((coverage as number) > 0.5);
    assert.ok((speechF1 as number) > 0.9, `${speechF1}`);
    assert.deepEqual(Object.keys(causeAuc ?? {}), ['noise', 'band-limit']);
    assert.equal(perCondition?.n, 4);
  });

  it('tells errors apart by codec, last leg and what can be heard', () => {
    const { groups, perFile } = resultOf('labels', 'tiny-streaming') as Result;
    assert.deepEqual(Object.keys(groups ?? {}), ['band-limit', 'clean', 'codec toy', 'leg pcm', 'noise']);
    assert.equal(groups?.['leg pcm']?.n, 32);
    assert.ok(Math.abs((groups?.['leg pcm']?.rmse as number) - perFile.rmse.value) < 1e-9);
    assert.equal(groups?.['codec toy']?.n, 16);
    const text = readFileSync(join(out, 'report.md'), 'utf8');
    assert.match(text, /\| codec toy \| 16 \| \d\.\d{3} \([+-]\d\.\d{3}\)/);
  });

  it('sets every further model beside the first, of the same clips', () => {
    const { than, n, rmse } = resultOf('labels', 'tiny-streaming in a call')?.rmseDifference ?? {};
    assert.deepEqual([than, n], ['tiny', 32]);
    const [before, after] = ['tiny', 'tiny-streaming in a call'].map(
      (scorer) => resultOf('labels', scorer)?.perFile.rmse.value as number,
    ) as [number, number];
    assert.ok(Math.abs((rmse?.value as number) - (after - before)) < 1e-12);
    for (const scorer of ['tiny', 'mean of the ratings']) {
      assert.equal(resultOf('labels', scorer)?.rmseDifference, undefined);
    }
    const text = readFileSync(join(out, 'report.md'), 'utf8');
    assert.match(
      text,
      /\| tiny-streaming in a call \| tiny \| 32 \| [+-]\d\.\d{3} \[[+-]\d\.\d{3}, [+-]\d\.\d{3}\] \|/,
    );
  });

  it('compares with named others on rated files', () => {
    assert.equal(resultOf('tones', 'someone, else')?.perFile.n, 3);
    assert.equal(resultOf('tones', 'tiny')?.perFile.n, 3);
  });

  it('writes a report, plots and every score', () => {
    const text = readFileSync(join(out, 'report.md'), 'utf8');
    assert.match(text, /\| tiny-streaming in a call \| file \| 32 \|/);
    assert.match(readFileSync(join(out, 'plots', 'labels.svg'), 'utf8'), /^<svg/);
    for (const plot of ['sizes.svg', 'costs.svg']) {
      assert.match(readFileSync(join(out, 'plots', plot), 'utf8'), />tiny-streaming</, 'a point has its name');
    }
    const { parameters, msPerAudioSecond } = resultOf('labels', 'tiny-streaming')?.cost ?? {};
    assert.ok(
      text.includes(`| tiny-streaming in a call | distilled | ${parameters} | ${msPerAudioSecond?.toFixed(3)} | `),
      text,
    );
    const scores: Record<string, string>[] = parse(readFileSync(join(out, 'scores.csv')), { columns: true });
    assert.equal(scores.length, 4 * 32 + 4 * 3);
    assert.equal(scores.filter(({ scorer }) => scorer === 'someone, else').length, 3);
  });

  it('gives the same score in windowed and streaming form when no gain changes', async () => {
    const windowed = await ModelScorer.load(join(models, 'tiny.json'));
    const streaming = await ModelScorer.load(join(models, 'tiny-streaming.json'));
    const { logMel, peaks } = await (taughtSet(test).clips[0] as ReturnType<typeof taughtSet>['clips'][number]).hear();
    const even = { logMel, peaks: new Float32Array(peaks.length).fill(0.5) };
    const [whole, pieces] = [await windowed.score(even), await streaming.score(even)];
    assert.ok(Math.abs(whole.mos - pieces.mos) < 1e-4);
    assert.equal(pieces.speech?.length, Math.floor(peaks.length / 4));
    await windowed.close();
    await streaming.close();
  });

  it('tells a model from somebody else of its name by its version', () => {
    const set = { name: 'tones', csv: 'ratings.csv', rating: 'mos', reference: 'nobody', others: { tiny: 'by' } };
    const [rated, out] = [join(scratch, 'rated', 'same-name.yaml'), join(scratch, 'same-name')];
    writeFileSync(rated, JSON.stringify({ sets: [set] }));
    const { status, stderr } = mosTrain(
      ...['evaluate', '--model', join(models, 'tiny.json'), '--rated', rated, '--out', out],
    );
    assert.equal(status, 0, stderr);
    const { version } = JSON.parse(readFileSync(join(models, 'tiny.json'), 'utf8'));
    const scorers = (JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as Result[]).map(
      (each) => each.scorer,
    );
    assert.deepEqual(scorers.sort(), ['mean of the ratings', 'tiny', `tiny ${version}`]);
  });

  it('refuses a model whose file is another', async () => {
    const manifest = JSON.parse(readFileSync(join(models, 'tiny.json'), 'utf8'));
    const path = join(models, 'changed.json');
    writeFileSync(path, JSON.stringify({ ...manifest, sha256: '0'.repeat(64) }));
    await assert.rejects(ModelScorer.load(path), /tiny.onnx: sha256: expected/);
    await assert.rejects(ModelScorer.load(join(scratch, 'nowhere')), /cannot read .*nowhere/);
  });

  it('refuses to evaluate on nothing', () => {
    const { status, stderr } = mosTrain(
      'evaluate',
      '--model',
      join(models, 'tiny.json'),
      '--out',
      join(scratch, 'none'),
    );
    assert.equal(status, 1);
    assert.match(stderr, /no set to evaluate on/);
  });
});

describe('evaluation of the shipped model on clips in which nobody speaks', () => {
  const small = join(import.meta.dirname, '../../models/small.json');
  const out = join(scratch, 'speechless');
  let results: Result[];
  let text: string;

  before(async () => {
    const older = join(scratch, 'older', 'small.json');
    cpSync(join(import.meta.dirname, '../../models'), join(scratch, 'older'), { recursive: true });
    const manifest = JSON.parse(readFileSync(small, 'utf8'));
    writeFileSync(older, JSON.stringify({ ...manifest, version: '0.0.1' }));
    const sets = [
      await speechlessFolder(join(scratch, 'one'), [clipPath('noise/kitchen'), clipPath('noise/tap')]),
      await speechlessFolder(join(scratch, 'two'), [clipPath('noise/kitchen')]),
    ];
    const labels = sets.flatMap((set) => ['--labels', set]);
    const { status, stderr } = mosTrain('evaluate', '--model', small, '--model', older, ...labels, '--out', out);
    assert.equal(status, 0, stderr);
    results = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'));
    text = readFileSync(join(out, 'report.md'), 'utf8');
  });

  it('tells the false alarms of speech, and nothing of ratings that there are not', () => {
    const { version } = JSON.parse(readFileSync(small, 'utf8'));
    const result = results.find((each) => each.scorer === `small ${version} in a call`) as Result;
    assert.equal(result.speechlessClips, 2);
    assert.ok((result.speechFalseAlarms as number) < 0.5, `${result.speechFalseAlarms}`);
    assert.ok((result.speechlessScored as number) < 0.5, `${result.speechlessScored}`);
    assert.equal(result.perFile.n, 0);
    assert.equal(
      results.find((each) => each.scorer === 'mean of the ratings'),
      undefined,
    );
    assert.match(text, /Nothing in this set has a rating/);
    assert.match(text, /\| scorer \|.* clips without \| false alarms \| scored although nobody speaks \|/);
    assert.match(text, /\| small \S+ in a call \| – \| – \| 2 \| \d+\.\d % \| \d+\.\d % \|/);
  });

  it('tells models of one name apart by version, and sets of one name by folder', () => {
    const scorers = [...new Set(results.map(({ scorer }) => scorer))];
    assert.equal(scorers.length, 4);
    assert.ok(scorers.includes('small 0.0.1 in a call'), String(scorers));
    assert.deepEqual([...new Set(results.map(({ set }) => set))], ['one/nobody/labels', 'two/nobody/labels']);
  });

  it('refuses the same model twice', () => {
    const labels = join(scratch, 'one', 'nobody', 'labels');
    const models = ['--model', small, '--model', small];
    const { status, stderr } = mosTrain('evaluate', ...models, '--labels', labels, '--out', join(scratch, 'twice'));
    assert.equal(status, 1);
    assert.match(stderr, /small.json: another model is small \d/);
  });

  it('has a score for nearly all of a talk, and none of noise', async () => {
    const clips = (names: readonly Clip[]) => names.map((name) => ({ waveform: async () => readClip(name) }));
    const talk = await scoredShare(small, clips(['speech/woman-1', 'speech/man-1', 'speech/woman-2']));
    const noise = await scoredShare(small, clips(['noise/kitchen', 'noise/tap', 'noise/kitchen']));
    assert.ok(talk > 0.7, `${talk} of the talk`);
    assert.ok(noise < 0.3, `${noise} of the noise`);
  });
});

describe('rated sets', () => {
  it('hear files as the live front end does', async () => {
    const path = join(scratch, 'tone.wav');
    writeWav(path, tone(500, 1));
    const { logMel, peaks } = await hearFile(path);
    assert.equal(logMel.length, 64 * peaks.length);
    assert.ok(Math.abs((peaks[50] as number) - 0.5) < 1e-3);
  });

  it('name the row that is wrong', () => {
    writeFileSync(join(scratch, 'bad.csv'), 'file,mos\na.wav,3\nb.wav,good\n');
    writeFileSync(join(scratch, 'bad.yaml'), 'sets: [{ name: bad, csv: bad.csv, rating: mos, reference: nobody }]');
    assert.throws(() => readRatedSets(join(scratch, 'bad.yaml')), /bad.csv: row 3: mos is no number/);
  });
});
