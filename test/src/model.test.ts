import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ModelLoadError, type ModelLoadErrorCode } from '../../src/base/errors.ts';
import { loadNative } from '../../src/engine/load.ts';
import { resolveScorerOptions } from '../../src/host/scorer-options.ts';
import { loadModel } from '../../src/model/load.ts';
import type { Model } from '../../src/model/model.ts';
import { windowFrames, windowShapeOf } from '../../src/model/window-shape.ts';
import type { WindowedModel } from '../../src/model/windowed-model.ts';
import { readClip, readGolden } from '../support/clips.ts';
import { randomModel, windowedModel } from '../support/models.ts';
import {
  everyOutput,
  everyOutputManifest,
  type TinyNetwork,
  waveform,
  waveformManifest,
  writeModel,
} from '../support/tiny-network.ts';

const addon = loadNative();
const goldens = ['golden/0041', 'golden/0130', 'golden/0251'] as const;
const folder = mkdtempSync(join(tmpdir(), 'mediasoup-mos-model-'));
after(() => rmSync(folder, { recursive: true }));

/** What the engine does when a window is read: the gain of peak normalisation, then the floor. */
function normalised(logMel: Float32Array, peak: number, floor: number): Float32Array {
  return logMel.map((value) => Math.max(floor, value - 2 * Math.log10(peak)));
}

const near = (got: number | undefined, expected: number, tolerance: number) =>
  assert.ok(Math.abs((got as number) - expected) <= tolerance, `expected ${expected} within ${tolerance}, got ${got}`);

async function loadWindowed(nameOrPath: string): Promise<WindowedModel> {
  const model: Model = await loadModel(nameOrPath, addon.features);
  assert.ok(model.form === 'windowed');
  return model;
}

describe('the log-mel front end against the golden vectors', () => {
  for (const clip of goldens) {
    it(`${clip}: within 1e-3 log10 units`, () => {
      const golden = readGolden(clip);
      const got = addon.logMel(readClip(clip));
      assert.ok(got.length >= golden.logMel.length, `${got.length} values`);
      // Near the floor of 1e-14 float32 sums differ by their order: what is below 1e-13 is not heard.
      let worst = 0;
      golden.logMel.forEach((value, index) => {
        if (value > -13) worst = Math.max(worst, Math.abs((got[index] as number) - value));
      });
      assert.ok(worst <= 1e-3, `differs by ${worst}`);
    });
  }
});

describe('a windowed model', () => {
  let model: WindowedModel;
  before(async () => {
    model = await loadWindowed(windowedModel);
  });

  for (const clip of goldens) {
    const golden = readGolden(clip);

    it(`${clip}: MOS and log variance from the stored frames`, async () => {
      const input = normalised(golden.logMel, golden.peak, model.window.floorLog10);
      const { mos, sigma } = await model.run(input, 1, golden.frames);
      near(mos[0], golden.mosFromUnnormalisedFrames, 1e-3);
      const { sigmaScale } = model.manifest.interval;
      near(2 * Math.log((sigma[0] as number) / sigmaScale), golden.logVariance, 1e-2);
    });

    it(`${clip}: the same through this package's front end`, async () => {
      const input = normalised(addon.logMel(readClip(clip)), golden.peak, model.window.floorLog10);
      near((await model.run(input, 1, golden.frames)).mos[0], golden.mosFromUnnormalisedFrames, 1e-3);
      near((await model.run(input, 1, 320)).mos[0], golden.mosOfFirst320Frames, 0.1);
    });
  }

  it('gives each window of a batch what it gives it alone', async () => {
    const inputs = goldens.map((clip) => {
      const golden = readGolden(clip);
      return normalised(golden.logMel, golden.peak, model.window.floorLog10);
    });
    const batch = new Float32Array(inputs.length * 768 * 64);
    inputs.forEach((input, index) => {
      batch.set(input, index * 768 * 64);
    });
    const together = await model.run(batch, inputs.length, 768);
    for (const [index, input] of inputs.entries()) {
      const alone = await model.run(input, 1, 768);
      near(together.mos[index], alone.mos[0] as number, 1e-5);
      near(together.sigma[index], alone.sigma[0] as number, 1e-5);
    }
  });
});

describe('models of other shapes', () => {
  it('log-mel of another length, with variance, speech and causes', async () => {
    const model = await loadWindowed(writeModel(folder, 'every', everyOutput, everyOutputManifest));
    assert.deepEqual(model.identity, { name: 'every', version: '0.0.1' });
    assert.equal(model.window.maxFrames, 500);
    const input = new Float32Array(2 * 300 * 64).fill(-3, 0, 300 * 64).fill(-2, 300 * 64);
    const { mos, sigma, speech, causes } = await model.run(input, 2, 300);
    near(mos[0], 3, 1e-5);
    near(mos[1], 2, 1e-5);
    near(sigma[0], 2 * 3, 1e-4);
    near(speech?.[1], 1 / (1 + Math.exp(-2)), 1e-5);
    assert.equal(causes?.length, 4);
  });

  it('a waveform of one length', async () => {
    const model = await loadWindowed(writeModel(folder, 'wave', waveform, waveformManifest));
    assert.deepEqual(model.window, {
      minFrames: 300,
      maxFrames: 300,
      stepFrames: 300,
      valuesPerFrame: 160,
      normalise: true,
      floorLog10: 0,
    });
    const { mos, sigma } = await model.run(new Float32Array(48_000).fill(0.5), 1, 300);
    near(mos[0], 0.25, 1e-5);
    near(sigma[0], 2 * Math.exp(0.125), 1e-4);
  });

  it('read as many whole steps as there are frames', () => {
    const shape = windowShapeOf(everyOutputManifest.input as never);
    assert.ok(shape);
    assert.deepEqual(
      [199, 200, 204, 205, 500, 900].map((frames) => windowFrames(shape, frames)),
      [0, 200, 200, 205, 500, 500],
    );
  });

  it('a waveform whose steps are no whole frames is read at their common multiples', () => {
    const input = { ...waveformManifest.input, samples: { min: 16_000, max: 122_640, multipleOf: 240 } };
    const { minFrames, maxFrames, stepFrames } = windowShapeOf(input as never) ?? assert.fail();
    assert.deepEqual({ minFrames, maxFrames, stepFrames }, { minFrames: 102, maxFrames: 765, stepFrames: 3 });
  });
});

describe('a model that cannot be used says what is wrong', () => {
  const standin = JSON.parse(readFileSync(windowedModel, 'utf8'));
  copyFileSync(windowedModel.replace(/json$/, 'onnx'), join(folder, 'standin.onnx'));

  const manifestOf = (changes: object) => {
    const path = join(folder, 'changed.json');
    writeFileSync(path, JSON.stringify({ ...standin, ...changes }));
    return path;
  };
  const fails = (name: string, path: () => string, code: ModelLoadErrorCode, message: RegExp) =>
    it(name, async () => {
      await assert.rejects(loadModel(path(), addon.features), (error: unknown) => {
        assert.ok(error instanceof ModelLoadError, String(error));
        assert.equal(error.code, code, error.message);
        assert.match(error.message, message);
        return true;
      });
    });

  fails(
    'an unknown name',
    () => 'nonesuch',
    'ERR_MODEL_NOT_FOUND',
    new RegExp(
      `model 'nonesuch': neither a path that ends with \\.json nor one of the models here: .*${resolveScorerOptions({}).model}`,
    ),
  );
  fails('a missing manifest', () => join(folder, 'absent.json'), 'ERR_MODEL_NOT_FOUND', /absent\.json: no such file$/);
  fails('a missing network', () => manifestOf({ file: 'absent.onnx' }), 'ERR_MODEL_NOT_FOUND', /absent\.onnx/);
  fails(
    'another hash',
    () => manifestOf({ sha256: '0'.repeat(64) }),
    'ERR_MODEL_HASH',
    /standin\.onnx: sha256: expected 0{64} .*, got [0-9a-f]{64}/,
  );
  fails(
    'text that is not JSON',
    () => {
      const path = join(folder, 'broken.json');
      writeFileSync(path, '{');
      return path;
    },
    'ERR_MODEL_MANIFEST',
    /broken\.json: not JSON/,
  );
  fails(
    'a missing field',
    () => manifestOf({ outputs: { logVariance: 'logvar' } }),
    'ERR_MODEL_MANIFEST',
    /changed\.json: outputs\.mos: .*expected string.*got nothing/,
  );
  fails('an unknown field', () => manifestOf({ licens: 'MIT' }), 'ERR_MODEL_MANIFEST', /"licens"/);
  fails(
    'a field of another kind',
    () => manifestOf({ input: { ...standin.input, mels: '64' } }),
    'ERR_MODEL_MANIFEST',
    /input\.mels: .*expected number.*got "64"/,
  );
  fails(
    'neither variance nor log variance',
    () => manifestOf({ outputs: { mos: 'mos' } }),
    'ERR_MODEL_MANIFEST',
    /outputs: expected one of logVariance and variance/,
  );
  fails(
    'a streaming form without a description of it',
    () => manifestOf({ form: 'streaming' }),
    'ERR_MODEL_MANIFEST',
    /streaming: expected streaming with form streaming/,
  );
  for (const [name, value] of Object.entries({
    fftSize: 1024,
    windowSize: 512,
    hopSize: 200,
    mels: 80,
    lowHz: 0,
    highHz: 7600,
    powerFloor: 1e-8,
    sampleRateHz: 8000,
  })) {
    fails(
      `a front end with another ${name}`,
      () => manifestOf({ input: { ...standin.input, [name]: value } }),
      'ERR_MODEL_FEATURES',
      new RegExp(`input\\.${name}: expected .*got ${value}`),
    );
  }
  fails(
    'an input of another name',
    () => manifestOf({ input: { ...standin.input, name: 'spectrum' } }),
    'ERR_MODEL_SHAPE',
    /input\.name: expected 'spectrum', standin\.onnx has 'logmel'/,
  );
  fails(
    'an output of another name',
    () => manifestOf({ outputs: { mos: 'quality', logVariance: 'logvar' } }),
    'ERR_MODEL_SHAPE',
    /outputs\.mos: expected 'quality', standin\.onnx has 'mos', 'logvar'/,
  );
  fails(
    'lengths that the network does not take',
    () => {
      const input = { ...waveformManifest.input, samples: { min: 16_000, max: 48_000, multipleOf: 160 } };
      return writeModel(folder, 'lengths', waveform, { ...waveformManifest, input });
    },
    'ERR_MODEL_SHAPE',
    /input\.samples: lengths\.onnx does not take 2 windows of 100 frames/,
  );
  fails(
    'a waveform where the network takes log-mel',
    () => manifestOf({ input: { ...waveformManifest.input, name: 'logmel' } }),
    'ERR_MODEL_SHAPE',
    /input\.name: expected rank 2, standin\.onnx has shape \[batch, .*64\]/,
  );
  const changed =
    (name: string, network: Partial<TinyNetwork>, manifest: object = {}) =>
    () =>
      writeModel(folder, name, { ...everyOutput, ...network }, { ...everyOutputManifest, ...manifest });
  fails(
    'a network of other bands',
    changed('bands', { input: ['features', ['n', 'time', 40]] }),
    'ERR_MODEL_SHAPE',
    /input\.mels: expected 64, bands\.onnx has shape \[n, time, 40\]/,
  );
  fails(
    'a network of one window at a time',
    changed('single', { input: ['features', [1, 'time', 64]] }),
    'ERR_MODEL_SHAPE',
    /any batch size/,
  );
  fails(
    'more causes than the network tells',
    changed(
      'causes',
      {},
      { outputs: { ...everyOutputManifest.outputs, causes: { name: 'faults', order: ['noise', 'loss', 'codec'] } } },
    ),
    'ERR_MODEL_SHAPE',
    /outputs\.causes\.name: expected 3, causes\.onnx has shape \[n, 2\]/,
  );
  fails(
    'a network that gives no number',
    changed('nan', {
      nodes: everyOutput.nodes.map((each) => (each.output === 'quality' ? { ...each, op: 'Log' } : each)),
    }),
    'ERR_MODEL_SHAPE',
    /outputs \(mos\): .*got NaN/,
  );
  fails(
    'a file that is no network',
    () => {
      const garbage = 'no network';
      writeFileSync(join(folder, 'garbage.onnx'), garbage);
      return manifestOf({ file: 'garbage.onnx', sha256: createHash('sha256').update(garbage).digest('hex') });
    },
    'ERR_MODEL_RUNTIME',
    /garbage\.onnx: the runtime cannot load it/,
  );
});

describe('a streaming model', () => {
  const original = JSON.parse(readFileSync(randomModel, 'utf8'));
  cpSync(dirname(randomModel), folder, { recursive: true });

  /** Its manifest with some fields changed, by path. */
  const changed = (changes: Record<string, unknown>) => {
    const manifest = structuredClone(original);
    for (const [path, value] of Object.entries(changes)) {
      const keys = path.split('.');
      const last = keys.pop() as string;
      keys.reduce((at, key) => at[key], manifest)[last] = value;
    }
    const path = join(folder, 'changed-streaming.json');
    writeFileSync(path, JSON.stringify(manifest));
    return path;
  };

  it('computes pieces as it would the whole', async () => {
    const model = await loadModel(join(folder, 'random-streaming.json'), addon.features);
    assert.ok(model.form === 'streaming', model.form);
    assert.deepEqual(model.identity, { name: 'random-streaming', version: '0.0.1' });
    const { width, stateValues, firstFrames, minSteps, maxSteps, gainSteps, stepThreshold } = model.shape;
    assert.deepEqual([firstFrames, minSteps, maxSteps, gainSteps, stepThreshold], [300, 75, 192, 192, 0.5]);
    const { logMel } = readGolden('golden/0041');
    const frames = 400;
    const whole = await model.embed(logMel, new Float32Array(stateValues), 1, frames);
    assert.deepEqual([whole.steps.length, whole.speech.length], [100 * width, 100]);
    let state: Float32Array = new Float32Array(stateValues);
    const pieces: number[] = [];
    for (let from = 0; from < frames; from += 80) {
      const piece = await model.embed(logMel.subarray(from * 64), state, 1, 80);
      pieces.push(...piece.steps);
      state = piece.state;
    }
    for (const [n, value] of whole.steps.entries()) near(pieces[n], value, 1e-5);
    const { mos, sigma, causes, speech } = await model.score(whole.steps, 1, 100);
    assert.deepEqual([mos.length, sigma.length, causes?.length, speech], [1, 1, 6, undefined]);
  });

  const cases: [name: string, changes: Record<string, unknown>, code: ModelLoadErrorCode, message: RegExp][] = [
    ['missing heads', { 'streaming.heads.file': 'absent.onnx' }, 'ERR_MODEL_NOT_FOUND', /absent\.onnx: no such file/],
    [
      'heads of another hash',
      { 'streaming.heads.sha256': '0'.repeat(64) },
      'ERR_MODEL_HASH',
      /random-streaming-heads\.onnx: streaming\.heads\.sha256: expected 0{64}/,
    ],
    [
      'another front end',
      { 'input.hopSize': 200 },
      'ERR_MODEL_FEATURES',
      /input\.hopSize: expected 160, as the front end has it, got 200/,
    ],
    [
      'a state of another name',
      { 'streaming.state.input': 'memory' },
      'ERR_MODEL_SHAPE',
      /streaming\.state\.input: expected 'memory', random-streaming\.onnx has 'logmel', 'state'/,
    ],
    [
      'a state of another size',
      { 'streaming.state.values': 100 },
      'ERR_MODEL_SHAPE',
      /streaming\.state\.values: expected 100, random-streaming\.onnx has shape \[batch, 208\]/,
    ],
    [
      'steps of another width',
      { 'streaming.steps.width': 9 },
      'ERR_MODEL_SHAPE',
      /streaming\.steps\.name: expected 9, random-streaming\.onnx has shape \[batch, steps, 8\]/,
    ],
    [
      'steps of another length',
      { 'streaming.steps.framesPerStep': 8 },
      'ERR_MODEL_SHAPE',
      /outputs \(streaming\.steps\): expected \d+ finite numbers, got \d+/,
    ],
    [
      'another speech output',
      { 'streaming.speech': 'talk' },
      'ERR_MODEL_MANIFEST',
      /outputs\.speech\.name: expected 'talk' \(streaming\.speech\), got 'speech'/,
    ],
    [
      'an output that the heads do not have',
      { 'outputs.mos': 'quality' },
      'ERR_MODEL_SHAPE',
      /outputs\.mos: expected 'quality', random-streaming-heads\.onnx has 'mos', 'logVariance', 'causes'/,
    ],
    [
      'a gain over parts of steps',
      { 'streaming.gainFrames': 770 },
      'ERR_MODEL_MANIFEST',
      /streaming\.gainFrames: expected whole steps of 4 frames .*, got 770/,
    ],
    [
      'frames that cannot come step by step',
      { 'input.frames': { min: 300, max: 768, multipleOf: 4 } },
      'ERR_MODEL_MANIFEST',
      /input\.frames: expected any number of whole steps of 4 frames/,
    ],
    [
      'a waveform',
      {
        input: {
          ...{ kind: 'waveform', name: 'logmel', sampleRateHz: 16_000, normalisation: 'peak' },
          samples: { min: 640, max: 640, multipleOf: 640 },
        },
      },
      'ERR_MODEL_MANIFEST',
      /input\.kind: expected 'logmel' with form streaming, got 'waveform'/,
    ],
    ['an unknown field', { 'streaming.stepTreshold': 0.5 }, 'ERR_MODEL_MANIFEST', /"stepTreshold"/],
  ];
  for (const [name, changes, code, message] of cases) {
    it(`that cannot be used says what is wrong: ${name}`, async () => {
      await assert.rejects(loadModel(changed(changes), addon.features), (error: unknown) => {
        assert.ok(error instanceof ModelLoadError, String(error));
        assert.equal(error.code, code, error.message);
        assert.match(error.message, message);
        return true;
      });
    });
  }
});
