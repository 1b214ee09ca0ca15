import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { loadNative } from '../../../src/engine/load.ts';
import { loadModel } from '../../../src/model/load.ts';
import type { StreamingModel } from '../../../src/model/streaming-model.ts';
import { checkAgreement, expectScores, verifyModel } from '../../../src/verification/verify.ts';
import { randomModel, windowedModel } from '../../support/models.ts';

describe('verifying a model', () => {
  let folder: string;
  let manifestFile: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mos-verify-'));
    cpSync(dirname(randomModel), folder, { recursive: true });
    manifestFile = join(folder, 'random-streaming.json');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Makes some weights of the heads a little smaller, and lets the manifest vouch for them. */
  function tamper(): void {
    const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'));
    const { heads } = manifest.streaming;
    const bytes = readFileSync(join(folder, heads.file));
    const floatsFrom = (at: number) => Array.from({ length: 40 }, (_, index) => bytes.readFloatLE(at + 4 * index));
    const areWeights = (values: number[]) => values.every((value) => Math.abs(value) > 1e-5 && Math.abs(value) < 4);
    const start = Array.from(bytes.keys()).find((at) => at + 160 <= bytes.length && areWeights(floatsFrom(at)));
    assert.ok(start !== undefined, 'there are weights');
    for (const [index, value] of floatsFrom(start).entries()) bytes.writeFloatLE(0.5 * value, start + 4 * index);
    writeFileSync(join(folder, heads.file), bytes);
    heads.sha256 = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(manifestFile, JSON.stringify(manifest));
  }

  for (const [form, model] of [
    ['streaming', randomModel],
    ['windowed', windowedModel],
  ] as const) {
    it(`finds that a ${form} model says the same live, computed at once and beside other streams`, async () => {
      const { scores, differences } = await verifyModel(model);
      assert.deepEqual(Object.keys(scores), ['speech', 'speech in a kitchen']);
      for (const values of Object.values(scores)) assert.ok(values.length >= 3, `${values}`);
      assert.ok(differences.forms < 0.005 && differences.company < 0.001, JSON.stringify(differences));
      assert.equal(differences.expected, undefined);
    });
  }

  it('compares with the scores that were written down', async () => {
    assert.equal(await expectScores(manifestFile), join(folder, 'expected', 'random-streaming.json'));
    const { differences } = await verifyModel(manifestFile);
    assert.ok((differences.expected as number) <= 0.0001, `${differences.expected}`);
  });

  it('finds a model whose weights are others, although its hashes are right', async () => {
    await expectScores(manifestFile);
    const file = join(folder, 'expected', 'random-streaming.json');
    const expected = JSON.parse(readFileSync(file, 'utf8'));
    tamper();
    await assert.rejects(verifyModel(manifestFile), /expected.random-streaming\.json: scores of other networks/);
    const { streaming, sha256 } = JSON.parse(readFileSync(manifestFile, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...expected, networks: [sha256, streaming.heads.sha256] }));
    await assert.rejects(verifyModel(manifestFile), /a score of 'speech' is [\d.]+ here and [\d.]+ expected: at most/);
  });

  it('refuses expected scores that are none', async () => {
    const file = await expectScores(manifestFile);
    writeFileSync(file, '{ "scores": {} }');
    await assert.rejects(verifyModel(manifestFile), /expected.random-streaming\.json: not a file of expected scores/);
    writeFileSync(file, '{');
    await assert.rejects(verifyModel(manifestFile), /not a file of expected scores/);
  });

  it('finds a trunk that does not go on where it was', async () => {
    const addon = loadNative();
    const model = await loadModel(randomModel, addon.features);
    const forgetful = new Proxy(model as StreamingModel, {
      get(target, key) {
        if (key !== 'embed') {
          const value = Reflect.get(target, key, target);
          return typeof value === 'function' ? value.bind(target) : value;
        }
        return (input: Float32Array, state: Float32Array, count: number, frames: number) =>
          target.embed(input, state.slice().fill(0), count, frames);
      },
    });
    await assert.rejects(
      checkAgreement(forgetful, addon),
      /a score of 'speech.*' is [\d.]+ live and [\d.]+ computed offline/,
    );
    await model.close();
  });

  it('finds a model that has no score for speech', async () => {
    const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'));
    manifest.streaming.stepThreshold = 1;
    writeFileSync(manifestFile, JSON.stringify(manifest));
    await assert.rejects(verifyModel(manifestFile), /no score for recorded speech \('speech'\)/);
  });
});
