import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { decodeFile } from '../src/audio/ffmpeg.ts';
import { degrade } from '../src/degrade/degrade.ts';
import { readArrays } from '../src/run/arrays.ts';
import { Random } from '../src/run/random.ts';
import { RunFolder } from '../src/run/run-folder.ts';
import { readDescription, readEnsemble } from '../src/teach/description.ts';
import { readLabels } from '../src/teach/labels.ts';
import { type TeachConfiguration, teach } from '../src/teach/teach.ts';
import { Teacher, TeacherEnsemble } from '../src/teach/teacher.ts';
import { biasOf } from '../src/teacher/bias.ts';
import { readTeacherConfiguration, teacherSchema } from '../src/teacher/configuration.ts';
import { FeatureCache } from '../src/teacher/features.ts';
import { checkApart, readRatings, weightOf } from '../src/teacher/ratings.ts';
import { type TeacherSummary, trainTeacher } from '../src/teacher/train.ts';
import { figuresOf } from '../src/teacher/validate.ts';
import { tf } from '../src/tensorflow.ts';
import { fixtureCorpus } from './support/fixture-corpus.ts';
import { ratedManifests, secondScale } from './support/rated.ts';
import { scratchFolder } from './support/scratch.ts';
import { tinyBackbone } from './support/tiny-backbone.ts';

const scratch = scratchFolder();
const backbone = tinyBackbone(join(scratch, 'backbone'));
type Manifests = Awaited<ReturnType<typeof ratedManifests>>;
/** 60 ratings to learn from and 6 to validate on; 6 and 3 where that is enough. */
let manifests: Manifests;
let few: Manifests;

before(async () => {
  manifests = await ratedManifests(join(scratch, 'rated'));
  few = await ratedManifests(join(scratch, 'few'), { people: 2, levels: 3 });
});

/** A teacher file for the tiny backbone; `training` and `more` replace its settings. */
function teacherFile(name: string, training: object = {}, more: object = {}): string {
  const path = join(scratch, `${name}.json`);
  const content = {
    ...{ name, licence: 'MIT', source: 'tests', backbone: 'backbone', layers: [2] },
    head: { width: 8, layers: 1, heads: 2, frames: 50 },
    ...more,
    training: {
      ...{ epochs: 2, batchSize: 20, learningRate: 0.01, weightDecay: 0, checkpointSteps: 2, curveSteps: 1 },
      ...training,
    },
  };
  writeFileSync(path, JSON.stringify(content));
  return path;
}

const file = (...names: string[]) => readFileSync(join(scratch, ...names));

describe('teacher', () => {
  let summary: TeacherSummary;
  const out = join(scratch, 'overfit');

  it('learns the ratings of several data sets, each on its own scale', async () => {
    const teacher = readTeacherConfiguration(teacherFile('overfit', { epochs: 60 }));
    summary = await trainTeacher({ out, teacher, ...manifests, seed: 1 });
    const curve = file('overfit', 'curves.csv').toString().trim().split('\n');
    assert.equal(curve[0], 'step,learningRate,loss,gradientNorm');
    const losses = curve.slice(1).map((line) => Number(line.split(',')[2]));
    assert.equal(losses.length, 180);
    const last = losses.slice(-9).reduce((sum, loss) => sum + loss, 0) / 9;
    assert.ok(last < 0.05, `squared error ${last}`);
    assert.deepEqual(summary.biases.first, { offset: 0, slope: 1 });
    const { offset, slope } = summary.biases.second as { offset: number; slope: number };
    for (const mos of [1.6, 3, 4.6]) {
      const [found, is] = [offset + slope * mos, secondScale.offset + secondScale.slope * mos];
      assert.ok(Math.abs(found - is) < 0.3, `${mos} is ${is} in the second set, found ${found}`);
    }
    assert.match(file('overfit', 'biases.csv').toString(), /^epoch,dataset,offset,slope\n1,first,0,1\n1,second,/);
    assert.match(
      file('overfit', 'validation.csv').toString(),
      /^epoch,dataset,files,pcc,rmse,rmseMapped\n1,validation,6,/,
    );
  });

  it('leaves a teacher that labels as any other', async () => {
    const corpus = await fixtureCorpus(scratch);
    const clips = join(scratch, 'clips');
    const recipe = join(scratch, 'recipe.yaml');
    writeFileSync(recipe, '{ name: t, seconds: 2, chain: [], legs: [{ codec: pcm, weight: 1 }] }');
    await degrade({ out: clips, corpus, recipe, split: 'train', clips: 2, shardClips: 2, seed: 1 });
    const labels = join(scratch, 'labels');
    const teachers = join(out, 'ensemble.yaml');
    const { labelled } = await teach({ out: labels, clips, teachers, seed: 1 });
    assert.equal(labelled, 2);
    for (const { mos, teachers: each } of readLabels(labels, 0)) {
      assert.ok(mos !== null && mos > 1 && mos < 5);
      assert.equal(each.overfit, mos);
    }
    const { teachers: named } = RunFolder.read(labels, 'teach').configuration as TeachConfiguration;
    assert.match(named[0]?.sha256 ?? '', /^[0-9a-f]{64}$/);
  });

  it('scores files as it did in the training', async () => {
    const teacher = await Teacher.load(readDescription(join(out, 'teacher.yaml')));
    const ratings = readRatings(manifests.validation[0] as string);
    const before = tf.memory().numTensors;
    const scored: { dataset: string; mos: number; score: number }[] = [];
    for (const { path, ...rating } of ratings)
      scored.push({ ...rating, score: await teacher.score(await decodeFile(path)) });
    assert.equal(tf.memory().numTensors, before);
    await teacher.close();
    const [found, told] = [figuresOf(scored).get('validation'), summary.figures.validation];
    // The cache rounds hidden states to 16 bits.
    assert.ok(Math.abs((found?.rmse as number) - (told?.rmse as number)) < 5e-3, `${found?.rmse}, ${told?.rmse}`);
  });

  for (const [name, training, more] of [
    ['two hidden states', { epochs: 3 }, { layers: [1, 3] }],
    ['the last layers', { fineTune: { layers: 1, rate: 0.1 }, epochs: 2 }, { layers: [1, 2] }],
  ] as const) {
    it(`${name}: killed again and again gives bit for bit what it gives uninterrupted`, async () => {
      const path = teacherFile(`resumed-${name.replaceAll(' ', '-')}`, { batchSize: 2, ...training }, more);
      const start = (folder: string): ChildProcess =>
        spawn(
          process.execPath,
          [
            ...['--import', 'tsx', join(import.meta.dirname, 'support/teacher-child.ts'), folder, path],
            ...[...few.validation, ...few.train],
          ],
          {
            stdio: ['ignore', 'ignore', 'inherit'],
            env: { ...process.env, OMP_NUM_THREADS: '1', TF_NUM_INTRAOP_THREADS: '1' },
          },
        );
      const [whole, killed] = [join(scratch, `${name} whole`), join(scratch, `${name} killed`)];
      const [status] = await once(start(whole), 'exit');
      assert.equal(status, 0);
      const checkpoint = join(killed, 'checkpoint.safetensors');
      const cached = () => (existsSync(join(killed, 'features')) ? readdirSync(join(killed, 'features')).length : 0);
      // Once while hidden states are computed, once while it learns.
      for (const isReached of [() => cached() >= 3, () => existsSync(checkpoint)]) {
        const process = start(killed);
        const exit = once(process, 'exit');
        while (!isReached() && process.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
        process.kill('SIGKILL');
        assert.equal((await exit)[1], 'SIGKILL');
      }
      const steps = Number(readArrays(checkpoint).metadata.step);
      assert.ok(steps > 0 && steps < 3 * training.epochs, `killed after ${steps} steps`);
      assert.equal((await once(start(killed), 'exit'))[0], 0);
      for (const each of [
        'teacher.safetensors',
        'checkpoint.safetensors',
        'curves.csv',
        'validation.csv',
        'biases.csv',
      ]) {
        assert.ok(readFileSync(join(killed, each)).equals(readFileSync(join(whole, each))), each);
      }
    });
  }

  it('trains as many layers as asked, and stores what differs from the backbone', async () => {
    const arrays = readArrays(join(scratch, 'the last layers whole', 'teacher.safetensors')).arrays;
    const layers = [...arrays.keys()].filter((name) => name.startsWith('encoder'));
    assert.equal(layers.length, 16);
    assert.ok(layers.every((name) => name.startsWith('encoder.layers.1.')));
    const { arrays: stored } = readArrays(join(backbone, 'model.safetensors'));
    const name = 'encoder.layers.1.feed_forward.intermediate_dense.weight';
    const [now, was] = [arrays.get(name), stored.get(name)];
    assert.deepEqual(now?.shape, was?.shape);
    const change = now?.values.map((value, n) => Math.abs(value - (was?.values[n] as number)));
    assert.ok((change ?? []).some((value) => value > 1e-6) && (change ?? []).every((value) => value < 0.02));
  });

  it('goes on with a head, and layers, that were trained before', async () => {
    const start = join(scratch, 'the last layers whole', 'teacher.safetensors');
    const more = { layers: [1, 2], head: { start, heads: 2 } };
    const path = teacherFile(
      'further',
      { epochs: 1, batchSize: 6, learningRate: 1e-9, statisticsMomentum: 1e-9 },
      more,
    );
    const further = join(scratch, 'further');
    await trainTeacher({ out: further, teacher: readTeacherConfiguration(path), ...few, seed: 1 });
    const [before, after] = [start, join(further, 'teacher.safetensors')].map((each) => readArrays(each).arrays);
    assert.deepEqual(new Set(after?.keys()), new Set(before?.keys()));
    for (const [name, { values }] of before ?? []) {
      const worst = values.reduce((most, value, n) => {
        return Math.max(most, Math.abs(value - (after?.get(name)?.values[n] as number)));
      }, 0);
      assert.ok(worst < 1e-5, `${name}: ${worst}`);
    }
  });

  it('computes the hidden states of a file once', async () => {
    const features = join(out, 'features');
    const times = () => readdirSync(features).map((name) => statSync(join(features, name)).mtimeMs);
    const before = times();
    assert.equal(before.length, 66);
    const teacher = readTeacherConfiguration(join(scratch, 'overfit.json'));
    const again = await trainTeacher({ out, teacher, ...manifests, seed: 1 });
    assert.deepEqual(times(), before);
    assert.deepEqual(again, summary);
  });

  it('refuses a folder of another run, and manifests or weights that changed', async () => {
    const teacher = readTeacherConfiguration(join(scratch, 'overfit.json'));
    await assert.rejects(trainTeacher({ out, teacher, ...manifests, seed: 2 }), { code: 'run-mismatch' });
    const other = join(scratch, 'other');
    cpSync(backbone, other, { recursive: true });
    const changed = file('backbone', 'model.safetensors');
    changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
    writeFileSync(join(backbone, 'model.safetensors'), changed);
    await assert.rejects(trainTeacher({ out, teacher, ...manifests, seed: 1 }), /inputs was/);
    cpSync(other, backbone, { recursive: true });
  });

  it('refuses what does not fit, saying what', async () => {
    const train = (name: string, training: object, more: object = {}) =>
      trainTeacher({
        ...{ out: join(scratch, name), teacher: readTeacherConfiguration(teacherFile(name, training, more)), seed: 1 },
        ...manifests,
      });
    const refused = { code: 'invalid-input' };
    await assert.rejects(train('wrong', {}, { layers: [4] }), { ...refused, message: /has 3, asked for 4/ });
    await assert.rejects(train('wrong', { fineTune: { layers: 3 } }), { ...refused, message: /hears 2, asked for 3/ });
    await assert.rejects(train('wrong', { batchSize: 99 }), { ...refused, message: /60 ratings do not fill/ });
    await assert.rejects(train('wrong', { bias: { anchor: 'x' } }), { ...refused, message: /no rating is of .* x/ });
    const start = { start: join(out, 'teacher.safetensors'), heads: 2 };
    await assert.rejects(train('wrong', {}, { head: start, layers: [1, 2] }), { ...refused, message: /hears 1/ });
    assert.ok(!existsSync(join(scratch, 'wrong')));
  });
});

describe('a teacher file', () => {
  it('has its paths relative to itself', () => {
    const { backbone: folder, head } = readTeacherConfiguration(teacherFile('paths', {}, { head: { start: 'a.pt' } }));
    assert.deepEqual([folder, head], [backbone, { start: join(scratch, 'a.pt'), heads: 4 }]);
  });

  it('is refused with unknown keys, and heads that do not divide the width', () => {
    const base = { name: 't', licence: 'MIT', source: 's', backbone: 'b', layers: [1], training: { epochs: 1 } };
    assert.ok(teacherSchema.safeParse(base).success);
    assert.ok(!teacherSchema.safeParse({ ...base, head: { width: 6, heads: 4 } }).success);
    assert.ok(!teacherSchema.safeParse({ ...base, training: { epochs: 1, dropout: 0.1 } }).success);
    assert.ok(!teacherSchema.safeParse({ ...base, layers: [1, 2, 3] }).success);
  });
});

describe('ratings', () => {
  const write = (name: string, content: string) => {
    mkdirSync(join(scratch, 'ratings'), { recursive: true });
    const path = join(scratch, 'ratings', name);
    writeFileSync(path, content);
    return path;
  };

  it('come from CSV and JSONL alike', () => {
    const csv = write('a.csv', 'file,mos,votes,dataset,speaker,codec\nx.wav,3.5,8,one,anna,opus\ny.wav,2,,,,\n');
    const expected = [
      { path: join(scratch, 'ratings/x.wav'), mos: 3.5, votes: 8, dataset: 'one', speaker: 'anna' },
      { path: join(scratch, 'ratings/y.wav'), mos: 2, dataset: 'a' },
    ];
    assert.deepEqual(readRatings(csv), expected);
    const lines = '{"file":"x.wav","mos":3.5,"votes":8,"dataset":"one","speaker":"anna"}\n{"file":"y.wav","mos":2}';
    assert.deepEqual(readRatings(write('a.jsonl', lines)), expected);
  });

  it('that are wrong are named with their row', () => {
    const cases: [string, string, RegExp][] = [
      ['b.csv', 'file,mos\nx.wav,3\ny.wav,5.5\n', /b\.csv: row 3: mos/],
      ['c.csv', 'file,mos,votes\nx.wav,3,0\n', /row 2: votes/],
      ['d.csv', 'path,mos\nx.wav,3\n', /row 2: file/],
      ['e.csv', 'file,mos\n', /no ratings/],
      ['f.csv', 'file,mos\nx.wav,3,4\n', /f\.csv/],
      ['g.jsonl', '{"file":"x.wav","mos":3}\nx\n', /line 2: not JSON/],
      ['h.jsonl', '{"file":"x.wav","mos":null}\n', /line 1: mos/],
    ];
    for (const [name, content, message] of cases) {
      assert.throws(() => readRatings(write(name, content)), { code: 'invalid-input', message });
    }
    assert.throws(() => readRatings(join(scratch, 'none.csv')), { code: 'invalid-input', message: /cannot be read/ });
  });

  it('of one file or speaker may not be on both sides', () => {
    const rating = (path: string, speaker?: string) => ({
      path,
      mos: 3,
      dataset: 'a',
      ...(speaker ? { speaker } : {}),
    });
    checkApart([rating('a', 'anna'), rating('b')], [rating('c', 'ben'), rating('d')]);
    assert.throws(() => checkApart([rating('a', 'anna')], [rating('c', 'anna')]), { message: /speaker anna/ });
    assert.throws(() => checkApart([rating('a')], [rating('a')]), { message: /file a is rated/ });
  });

  it('weigh as much as their votes tell', () => {
    assert.deepEqual(
      [{}, { votes: 4 }, { votes: 12 }].map((rating) => weightOf(rating, 4)),
      [1, 0.5, 0.75],
    );
    assert.equal(weightOf({ votes: 1 }, 0), 1);
  });
});

describe('biasOf', () => {
  const scored = (of: (score: number) => number, weight: (score: number) => number = () => 1) =>
    [1, 2, 3, 4, 5].map((score) => ({ score, mos: of(score), weight: weight(score) }));

  it('is the line from scores to ratings', () => {
    const bias = biasOf(
      scored((score) => 1.5 + 0.5 * score),
      0.7,
    );
    assert.ok(Math.abs((bias?.offset as number) - 1.5) < 1e-12 && Math.abs((bias?.slope as number) - 0.5) < 1e-12);
  });

  it('goes by the weights', () => {
    const bent = scored(
      (score) => (score === 5 ? 1 : score),
      (score) => (score === 5 ? 1e-12 : 1),
    );
    assert.ok(Math.abs((biasOf(bent, 0.7)?.slope as number) - 1) < 1e-9);
  });

  it('is not looked for while scores say little, the contrary, or nothing', () => {
    const random = Random.derive(1, 'bias');
    assert.equal(
      biasOf(
        scored(() => random.uniform(1, 5)),
        0.99,
      ),
      undefined,
    );
    assert.equal(
      biasOf(
        scored((score) => 6 - score),
        0,
      ),
      undefined,
    );
    assert.equal(
      biasOf(
        scored(() => 3),
        0,
      ),
      undefined,
    );
  });
});

describe('hidden states in the cache', () => {
  it('are given back, rounded to 16 bits or not', () => {
    for (const bits of [16, 32] as const) {
      const cache = new FeatureCache(join(scratch, `cache-${bits}`), { layers: [1, 4], width: 2, bits });
      cache.write(7, [Float32Array.of(0.1, 2), Float32Array.of(3, -4)]);
      assert.deepEqual([cache.has(7), cache.has(8)], [true, false]);
      const [first, second] = [cache.read(7).get(1), cache.read(7).get(4)];
      assert.ok(Math.abs((first?.[0] as number) - 0.1) < (bits === 16 ? 1e-4 : 1e-8));
      assert.deepEqual([...(second ?? [])], [3, -4]);
    }
  });

  it('that 16 bits do not hold are refused', () => {
    const cache = new FeatureCache(join(scratch, 'large'), { layers: [1], width: 1, bits: 16 });
    for (const value of [7e4, Number.NaN]) {
      assert.throws(() => cache.write(0, [Float32Array.of(value)]), { code: 'invalid-input', message: /cacheBits/ });
    }
  });
});

describe('the description of an XLS-R-SQA teacher', () => {
  it('names its backbone, and only it does', () => {
    const path = join(scratch, 'description.json');
    writeFileSync(join(scratch, 'head.pt'), '');
    const base = { name: 'x', licence: 'MIT', source: 'me', file: 'head.pt', window: {}, output: {} };
    const xlsR = { backbone: 'backbone', layers: [2] };
    writeFileSync(path, JSON.stringify({ ...base, format: 'xls-r-sqa', xlsR }));
    assert.deepEqual(readDescription(path).xlsR, { backbone, layers: [2], heads: 4 });
    for (const wrong of [{ format: 'xls-r-sqa' }, { xlsR }]) {
      writeFileSync(path, JSON.stringify({ ...base, ...wrong }));
      assert.throws(() => readDescription(path), { code: 'invalid-input', message: /expected xlsR together with/ });
    }
  });

  it('with a head for other hidden states is refused', async () => {
    const path = join(scratch, 'unfit.json');
    const base = { name: 'x', licence: 'MIT', source: 'me', window: {}, output: {}, format: 'xls-r-sqa' };
    const head = join('overfit', 'teacher.safetensors');
    const description = { ...base, file: head, xlsR: { backbone: 'backbone', layers: [1, 2], heads: 2 } };
    writeFileSync(path, JSON.stringify(description));
    await assert.rejects(Teacher.load(readDescription(path)), {
      code: 'invalid-input',
      message: /hears 1 hidden states/,
    });
    const ensemble = join(scratch, 'unfit-ensemble.json');
    writeFileSync(ensemble, JSON.stringify({ name: 'e', teachers: [{ description: 'unfit.json', weight: 1 }] }));
    await assert.rejects(TeacherEnsemble.load(readEnsemble(ensemble)), { code: 'invalid-input' });
  });
});
