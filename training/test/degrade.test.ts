import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { loadNative } from '../../src/engine/load.ts';
import { decodeFile } from '../src/audio/ffmpeg.ts';
import { levelDb } from '../src/audio/level.ts';
import { makeCorpus } from '../src/corpus/corpus.ts';
import { fillTemplate, throughCodec } from '../src/degrade/codec.ts';
import { type DegradeOptions, degrade } from '../src/degrade/degrade.ts';
import { type DrawnLeg, overLeg } from '../src/degrade/leg.ts';
import { readRecipe } from '../src/degrade/recipe.ts';
import { frameValues, readFrames, readPcm, readTruths } from '../src/degrade/shard.ts';
import { fromRunLengths } from '../src/degrade/truth.ts';
import { Random } from '../src/run/random.ts';
import { fixtureCorpus, fixtures } from './support/fixture-corpus.ts';
import { scratchFolder } from './support/scratch.ts';

const scratch = scratchFolder();
const recipe = join(scratch, 'recipe.yaml');
writeFileSync(
  recipe,
  `
name: test
seconds: [4, 5]
content: { speech: 0.8, noise: 0.2 }
chain:
  - { step: room, probability: 0.3 }
  - { step: noise, probability: 0.5, snrDb: [0, 30] }
  - { step: oneOf, choices: [{ weight: 1, chain: [] }, { weight: 1, chain: [{ step: codec, names: [gsm] }] }] }
codecs:
  gsm: { bandHz: 4000, command: 'ffmpeg -v error -i {input} -ar 8000 -c:a libgsm {work}/a.gsm && ffmpeg -v error -i {work}/a.gsm {output}' }
legs:
  - { codec: opus, weight: 3, bitrate: { log: [8000, 32000] }, loss: { ratio: [0.05, 0.2], burst: 2 } }
  - { codec: pcmu, weight: 1 }
`,
);
let corpus: string;
before(async () => {
  corpus = await fixtureCorpus(scratch);
});

const make = (out: string, more: Partial<DegradeOptions> = {}) =>
  degrade({ out: join(scratch, out), corpus, recipe, split: 'train', clips: 7, shardClips: 3, seed: 5, ...more });

/** Hash of every file of a run's shards. */
function fingerprint(out: string): Record<string, string> {
  const folder = join(scratch, out, 'shards');
  const hash = (name: string) =>
    createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex');
  return Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, hash(name)]),
  );
}

describe('degrade', () => {
  it('is the same for a seed whatever the number of workers, and another for another seed', async () => {
    await make('one', { workers: 1 });
    await make('two', { workers: 2 });
    assert.deepEqual(fingerprint('two'), fingerprint('one'));
    await make('other', { seed: 6 });
    assert.notDeepEqual(fingerprint('other'), fingerprint('one'));
  });

  it('goes on where it was stopped', async () => {
    await make('stopped');
    const whole = fingerprint('stopped');
    rmSync(join(scratch, 'stopped/shards/00001.jsonl')); // written last: without it the shard is not finished
    writeFileSync(join(scratch, 'stopped/shards/00001.pcm'), 'half-written');
    await make('stopped');
    assert.deepEqual(fingerprint('stopped'), whole);
  });

  it('keeps the truth of each clip beside its frames', async () => {
    await make('truth', { clips: 6, shardClips: 6 });
    const folder = join(scratch, 'truth/shards');
    const truths = readTruths(folder, 0);
    const frames = readFrames(folder, 0);
    const pcm = readPcm(folder, 0);
    assert.deepEqual(
      truths.map(({ index }) => index),
      [0, 1, 2, 3, 4, 5],
    );
    for (const [n, truth] of truths.entries()) {
      assert.equal(frames[n]?.logMel.length, 64 * truth.frames);
      assert.equal(frames[n]?.peaks.length, truth.frames);
      assert.equal(pcm[n]?.length, 160 * truth.frames);
      assert.equal(fromRunLengths(truth.speech ?? []).length, truth.frames);
      assert.equal(truth.causes?.noise, truth.applied.some((step) => step.step === 'noise') ? 1 : 0);
      assert.equal(truth.causes?.['band-limit'] === 1 || truth.bandwidthHz === 8000, true);
      if (truth.content === 'noise') assert.equal(fromRunLengths(truth.speech ?? []).indexOf(1), -1);
      else assert.ok(fromRunLengths(truth.speech ?? []).indexOf(1) >= 0);
    }
  });

  it('uses recordings of its split only, never held-out ones', async () => {
    const folder = join(scratch, 'apart');
    const heldOut = join(scratch, 'never.txt');
    writeFileSync(heldOut, 'speaker man-1\nspeaker woman-1\nfile woman-2/read.wav\nfile tap.wav\n');
    const options = { corpus: await fixtureCorpus(folder, [heldOut]), clips: 12, shardClips: 12 };
    await make('train-only', options);
    const used = (run: string) =>
      readTruths(join(scratch, run, 'shards'), 0).flatMap(({ sources, applied }) => [
        ...sources,
        ...applied.flatMap((step) => ('file' in step ? [step.file] : [])),
      ]);
    const trained = ['kitchen.wav', 'hall.wav', ...['man-2', 'man-3', 'woman-3'].map((name) => `${name}/read.wav`)];
    assert.deepEqual(new Set(used('train-only')), new Set(trained));
    await assert.rejects(make('held-out', { ...options, split: 'held-out' }), /has no room recordings|lacks/);
  });

  it('has log-mel frames of the audio that it stores', async () => {
    await make('frames', { clips: 3, shardClips: 3 });
    const addon = loadNative();
    const folder = join(scratch, 'frames/shards');
    const frames = readFrames(folder, 0);
    const differences = readPcm(folder, 0).flatMap((pcm, n) => {
      const stored = frameValues(frames[n]?.logMel ?? new Uint16Array());
      const loud = [...addon.logMel(pcm)].map((value, m) => (value > -6 ? Math.abs(value - (stored[m] as number)) : 0));
      return loud.sort((a, b) => a - b)[Math.floor(0.99 * loud.length)] as number;
    });
    // Joins of talk, 16-bit samples and 16-bit frames differ a little.
    for (const difference of differences) assert.ok(difference < 0.1, `${differences}`);
  });

  it('plays the speech and the noises of a clip at the speeds of the recipe', async () => {
    const varied = join(scratch, 'varied.yaml');
    const text = readFileSync(recipe, 'utf8').replace('{ step: noise, probability: 0.5', '{ step: noise');
    writeFileSync(varied, `${text}speechSpeed: [0.8, 0.9]\nnoiseSpeed: 1.3\n`);
    await make('varied', { recipe: varied, clips: 6, shardClips: 6 });
    const speeds = new Set<number>();
    for (const { content, speed, applied, frames } of readTruths(join(scratch, 'varied/shards'), 0)) {
      if (content === 'speech') speeds.add(speed);
      assert.ok(content === 'speech' ? speed >= 0.8 && speed < 0.9 : speed === 1.3, `${content} ${speed}`);
      const noise = applied.find((step) => step.step === 'noise');
      assert.equal(noise?.step === 'noise' && noise.speed, 1.3);
      assert.ok(frames > 100);
    }
    assert.ok(speeds.size > 1);
  });

  it('leaves recordings of real devices as they are, or alters as many of them as the recipe says', async () => {
    const folders = [
      { path: join(fixtures, 'speech'), kind: 'wild' as const },
      { path: join(fixtures, 'noise'), kind: 'noise' as const },
    ];
    const shares = { validation: 0, test: 0 };
    const wildCorpus = join(scratch, 'wild-corpus');
    await makeCorpus({ out: wildCorpus, folders, heldOut: [], shares, seed: 1 });
    const text = readFileSync(recipe, 'utf8')
      .replace(/content:.*/, 'content: { speech: 0, wild: 1, wildAltered: 0.5 }')
      .replace('  - { step: room, probability: 0.3 }\n', '')
      .replace('{ step: noise, probability: 0.5', '{ step: noise');
    const wild = join(scratch, 'wild.yaml');
    writeFileSync(wild, `${text}speechSpeed: 1.1\n`);
    await make('wild', { corpus: wildCorpus, recipe: wild, clips: 8, shardClips: 8 });
    const truths = readTruths(join(scratch, 'wild/shards'), 0);
    const altered = truths.filter(({ speed }) => speed === 1.1);
    assert.ok(altered.length > 0 && altered.length < truths.length, `${altered.length} of ${truths.length}`);
    for (const { content, speed, applied, speech, causes } of truths) {
      assert.deepEqual({ content, speech, causes }, { content: 'wild', speech: null, causes: null });
      assert.equal(applied[0]?.step, speed === 1.1 ? 'noise' : undefined);
    }
  });

  it('rejects wrong arguments', async () => {
    await assert.rejects(make('wrong', { clips: 0 }), RangeError);
    await assert.rejects(make('wrong', { split: 'tests' as never }), RangeError);
    await assert.rejects(make('wrong', { corpus: scratch }), { code: 'invalid-input', message: /run\.json/ });
    await assert.rejects(make('lacking', { split: 'validation' }), {
      code: 'invalid-input',
      message: /lacks: speech, noise/,
    });
    await make('mismatch', { clips: 1, shardClips: 1 });
    await assert.rejects(make('mismatch', { clips: 2, shardClips: 1 }), { code: 'run-mismatch' });
  });
});

describe('the last leg', () => {
  const addon = loadNative();
  const options = { reorderMs: 60, concealMs: 120, gapMs: 1000 };
  const opus = {
    codec: 'opus',
    bitrate: 24_000,
    frameMs: 20,
    complexity: 5,
    fec: false,
    dtx: false,
    maxBandwidthHz: 0,
  } as const;

  /** Correlation of what was heard with what was sent at the same time, `delay` samples earlier. */
  async function correlation(leg: DrawnLeg, delay: number): Promise<number> {
    const sent = await decodeFile(join(fixtures, 'speech/woman-1.wav'));
    const heard = await overLeg(sent, leg, { addon, random: Random.derive(1, 'leg'), options });
    let [both, one, other] = [0, 0, 0];
    for (const [frame, timeMs] of heard.timesMs.entries()) {
      for (let n = 0; n < 160; n++) {
        const a = heard.pcm[frame * 160 + n] as number;
        const b = sent[Math.round(timeMs * 16) + n - delay] ?? 0;
        both += a * b;
        one += a * a;
        other += b * b;
      }
    }
    return both / Math.sqrt(one * other);
  }

  it('knows when each frame was, over every codec', async () => {
    assert.ok((await correlation({ codec: 'pcm' }, 0)) > 0.9999);
    assert.ok((await correlation({ codec: 'pcma', loss: null }, 0)) > 0.95);
    // libopus looks 6.5 ms ahead.
    assert.ok((await correlation({ ...opus, loss: null }, 104)) > 0.9);
    assert.ok((await correlation({ ...opus, frameMs: 60, dtx: true, loss: { ratio: 0.05, burst: 2 } }, 104)) > 0.8);
  });

  it('loses what the network loses', async () => {
    const sent = await decodeFile(join(fixtures, 'speech/woman-1.wav'));
    const over = (fec: boolean) =>
      overLeg(
        sent,
        { ...opus, fec, loss: { ratio: 0.15, burst: 1 } },
        { addon, random: Random.derive(1, 'x'), options },
      );
    const [plain, corrected] = [await over(false), await over(true)];
    assert.ok(plain.lostRatio > 0.08 && plain.lostRatio < 0.25, `${plain.lostRatio}`);
    assert.ok(corrected.lostRatio < plain.lostRatio, 'FEC recovers packets');
  });
});

describe('codecs of the shipped recipe', () => {
  const { codecs } = readRecipe(join(import.meta.dirname, '../recipes/calls.yaml'));
  for (const [name, codec] of Object.entries(codecs)) {
    it(`${name} passes speech`, async () => {
      const speech = (await decodeFile(join(fixtures, 'speech/man-2.wav'))).subarray(0, 48_000);
      const first = Object.entries(codec.parameters).map(([parameter, quantity]) => {
        return [parameter, (quantity as { choose: number[] }).choose.at(-1) as number];
      });
      const coded = await throughCodec(speech, codec, Object.fromEntries(first));
      assert.equal(coded.length, speech.length);
      assert.ok(Math.abs(levelDb(coded) - levelDb(speech)) < 6, `${levelDb(coded)} dB, was ${levelDb(speech)} dB`);
    });
  }

  it('reports a command that fails, writes nothing, or has an unknown place', async () => {
    const codec = { parameters: {}, bandHz: 8000, audible: true };
    const speech = new Float32Array(1600);
    await assert.rejects(throughCodec(speech, { ...codec, command: 'exit 3' }, {}), {
      code: 'audio',
      message: /exited with 3/,
    });
    await assert.rejects(throughCodec(speech, { ...codec, command: 'true' }, {}), {
      code: 'audio',
      message: /no \{output\}/,
    });
    await assert.rejects(throughCodec(speech, { ...codec, command: 'cp {in} {output}' }, {}), /unknown place \{in\}/);
    assert.equal(fillTemplate('-b:a {bitrate} {input}', { bitrate: 12000.4, input: 'a.wav' }), '-b:a 12000 a.wav');
  });
});
