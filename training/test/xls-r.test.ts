import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { cacheFolder } from '../scripts/cache.mjs';
import { readArrays, writeArrays } from '../src/run/arrays.ts';
import { Random } from '../src/run/random.ts';
import { Safetensors } from '../src/run/safetensors.ts';
import { tf } from '../src/tensorflow.ts';
import { Backbone } from '../src/xls-r/backbone.ts';
import { BackboneWeights } from '../src/xls-r/backbone-weights.ts';
import { fewestSamples, framesOf, readBackboneConfiguration } from '../src/xls-r/configuration.ts';
import { backboneCost, publishedBackbones } from '../src/xls-r/cost.ts';
import { cropFrames, Head } from '../src/xls-r/head.ts';
import { HeadWeights, initialHead } from '../src/xls-r/head-weights.ts';
import { XlsRSqa } from '../src/xls-r/xls-r-sqa.ts';
import { checkGradients, normalTensor } from './support/gradients.ts';
import { largestDifference } from './support/onnx.ts';
import { scratchFolder } from './support/scratch.ts';

const scratch = scratchFolder();
const tolerance = 1e-4;

/** Made by golden/make_xls_r_golden.py with the reference implementations. */
const folder = join(import.meta.dirname, 'golden/xls-r');
const golden = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as {
  frames: number;
  lengths: number[];
  networks: Record<string, Record<'single' | 'fusion', { layers: number[]; scores: number[] }>>;
  published: Record<string, number>;
};

/** The fixed numbers of the golden script. */
const numbers = (count: number, start = 0) =>
  Float32Array.from({ length: count }, (_, n) => (Math.imul(start + n + 1, 2654435761) >>> 0) / 2 ** 31 - 1);

/** Opens the backbone of a folder for one use. */
function withBackbone<T>(
  path: string,
  use: (backbone: Backbone) => T,
  options?: { layers?: number; trainable?: number },
): T {
  const weights = new BackboneWeights(path);
  const backbone = new Backbone(readBackboneConfiguration(path), weights, options);
  try {
    return use(backbone);
  } finally {
    backbone.dispose();
    weights.close();
  }
}

describe('XLS-R', () => {
  for (const name of Object.keys(golden.networks)) {
    it(`${name}: hidden states of every layer are within ${tolerance} of those of transformers`, () => {
      const { arrays } = readArrays(join(folder, name, 'states.safetensors'));
      const before = tf.memory().numTensors;
      withBackbone(join(folder, name), (backbone) => {
        const layers = [...arrays].map((_, layer) => layer);
        const waveform = tf.tensor2d(numbers(golden.lengths[0] as number), [1, golden.lengths[0] as number]);
        const states = backbone.hiddenStates(waveform, layers);
        for (const layer of layers) {
          const expected = arrays.get(`layer${layer}`)?.values as Float32Array;
          const worst = largestDifference(expected, states[layer]?.dataSync() as Float32Array);
          assert.ok(worst <= tolerance, `layer ${layer}: ${worst}`);
        }
        tf.dispose([waveform, ...states]);
      });
      assert.equal(tf.memory().numTensors, before);
    });
  }

  it('computes the same from a hidden state on, and no layer above those asked for', () => {
    const path = join(folder, 'whole');
    const waveform = tf.tensor2d(numbers(1500), [1, 1500]);
    const [second, third] = withBackbone(path, (backbone) => backbone.hiddenStates(waveform, [1, 2]));
    const again = withBackbone(path, (backbone) => backbone.statesFrom(second as tf.Tensor3D, 1, [2])[0], {
      layers: 2,
    });
    assert.deepEqual(again?.dataSync(), third?.dataSync());
    withBackbone(path, (backbone) => assert.throws(() => backbone.hiddenStates(waveform, [3]), RangeError), {
      layers: 2,
    });
  });

  it('hears each waveform of a batch as alone', () => {
    withBackbone(join(folder, 'half'), (backbone) => {
      const both = tf.tensor2d(numbers(3000), [2, 1500]);
      const [together] = backbone.hiddenStates(both, [4]);
      for (const n of [0, 1]) {
        const [alone] = backbone.hiddenStates(both.slice([n, 0], [1, 1500]), [4]);
        const part = together?.slice([n, 0, 0], [1, -1, -1]).dataSync() as Float32Array;
        assert.ok(largestDifference(alone?.dataSync() as Float32Array, part) < 1e-5);
      }
    });
  });

  it('knows how many samples make a frame', () => {
    const configuration = readBackboneConfiguration(join(folder, 'whole'));
    const fewest = fewestSamples(configuration);
    assert.deepEqual([framesOf(configuration, fewest), framesOf(configuration, fewest - 1)], [1, 0]);
    withBackbone(join(folder, 'whole'), (backbone) => {
      assert.deepEqual(backbone.hiddenStates(tf.zeros([1, fewest]), [0])[0]?.shape, [1, 1, 24]);
      assert.throws(() => backbone.hiddenStates(tf.zeros([1, fewest - 1]), [0]), /expected at least/);
    });
  });

  it('has the gradients of its functions in the layers that are trained', () => {
    withBackbone(
      join(folder, 'half'),
      (backbone) => {
        const state = normalTensor([1, 9, 16], 'state');
        checkGradients(
          (x) =>
            backbone
              .statesFrom(x as tf.Tensor3D, 2, [4])[0]
              ?.square()
              .mean()
              .asScalar() as tf.Scalar,
          [state],
        );
        const names = [...backbone.trainable().keys()];
        assert.equal(names.length, 2 * 16);
        assert.ok(names.every((name) => /^encoder\.layers\.[23]\./.test(name)));
      },
      { trainable: 2 },
    );
  });
});

describe('XLS-R-SQA', () => {
  for (const [name, heads] of Object.entries(golden.networks)) {
    for (const [head, { layers, scores }] of Object.entries(heads)) {
      it(`${name}, ${head}: scores of long and short waveforms are within ${tolerance} of those of xls-r-sqa`, () => {
        const options = { backbone: join(folder, name), layers, head: join(folder, name, `${head}.pt`), heads: 2 };
        const teacher = XlsRSqa.load(options);
        const before = tf.memory().numTensors;
        golden.lengths.forEach((length, n) => {
          const score = teacher.score(numbers(length).map((sample) => 0.1 * sample));
          assert.ok(Math.abs(score - (scores[n] as number)) <= tolerance, `${length} samples: ${score}, ${scores[n]}`);
        });
        assert.equal(tf.memory().numTensors, before);
        teacher.close();
      });
    }
  }

  const published = join(cacheFolder(), 'xls-r-sqa-0.1.0/xls_r_sqa/models/sqa-v2');
  for (const [file, expected] of Object.entries(golden.published)) {
    it(`${file}: the published head scores fixed states within ${tolerance} of xls-r-sqa`, () => {
      const weights = HeadWeights.read(join(published, file));
      const configuration = weights.configuration(4);
      const { inputs, sources } = configuration;
      assert.deepEqual(configuration, { inputs, sources, width: 32, layers: 4, heads: 4, frames: 384 });
      const head = new Head(configuration, weights);
      const score = tf.tidy(() => {
        const states = Array.from({ length: sources }, (_, n) =>
          cropFrames(tf.tensor3d(numbers(300 * inputs, n), [1, 300, inputs]), 384),
        );
        return head.score(states).dataSync()[0] as number;
      });
      head.dispose();
      assert.ok(Math.abs(score - expected) <= tolerance, `${score}, ${expected}`);
    });
  }

  it('hears the middle of what is too long', () => {
    const long = tf.range(0, 7).reshape([1, 7, 1]) as tf.Tensor3D;
    assert.deepEqual([...cropFrames(long, 4).dataSync()], [1, 2, 3, 4]);
    assert.deepEqual([...cropFrames(long, 8).dataSync()], [0, 1, 2, 3, 4, 5, 6, 0]);
  });

  it('has the gradients of its head, with the statistics of the batch', () => {
    const configuration = { inputs: 6, sources: 2, width: 4, layers: 1, heads: 2, frames: 5 } as const;
    const head = new Head(configuration, initialHead(configuration, 1));
    const states = ['a', 'b'].map((name) => normalTensor([3, 5, 6], name));
    const target = tf.tensor1d([1, 3, 4]);
    checkGradients(
      (...x) =>
        head
          .score(x as tf.Tensor3D[], new Map())
          .sub(target)
          .square()
          .mean()
          .asScalar(),
      states,
      { step: 3e-3, tolerance: 2e-2 },
    );
  });

  it('refuses hidden states of another shape', () => {
    const configuration = { inputs: 6, sources: 1, width: 4, layers: 1, heads: 2, frames: 5 } as const;
    const head = new Head(configuration, initialHead(configuration, 1));
    assert.throws(() => head.score([tf.zeros([1, 4, 6])]), /expected \[batch, 5, 6\], got \[1,4,6\]/);
    assert.throws(() => head.score([]), /expected 1, got 0/);
  });
});

describe('backboneCost', () => {
  it('counts as many weights as transformers, less the mask and the last normalisation', () => {
    const whole = { '300m': 315_438_720, '1b': 962_497_408, '2b': 2_159_259_648 } as const;
    for (const [size, expected] of Object.entries(whole)) {
      const configuration = publishedBackbones[size as keyof typeof whole];
      const { parameters, weightBytes } = backboneCost(configuration, configuration.layers, 122_880);
      assert.equal(parameters, expected - 3 * configuration.width);
      assert.equal(weightBytes, 4 * parameters);
    }
  });

  it('grows by the products of a layer, which grow with the square of the frames', () => {
    const configuration = publishedBackbones['300m'];
    const layer = (samples: number) =>
      backboneCost(configuration, 6, samples).flops - backboneCost(configuration, 5, samples).flops;
    // 4 projections, 2 products of attention, and 2 x 4 times the width in the feed-forward part.
    const expected = (frames: number) => 2 * (frames * (4 + 8) * 1024 ** 2 + 2 * frames ** 2 * 1024);
    for (const samples of [122_880, 16_000]) assert.equal(layer(samples), expected(framesOf(configuration, samples)));
  });
});

describe('a model folder', () => {
  const copy = (name: string) => {
    const path = join(scratch, `${name}-${Random.derive(1, name).integer(0, 1e9)}`);
    cpSync(join(folder, name), path, { recursive: true });
    return path;
  };

  it('of another kind of wav2vec 2.0 is refused, saying what differs', () => {
    const path = copy('whole');
    const configuration = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'));
    writeFileSync(join(path, 'config.json'), JSON.stringify({ ...configuration, do_stable_layer_norm: false }));
    assert.throws(() => readBackboneConfiguration(path), { code: 'invalid-input', message: /do_stable_layer_norm/ });
    writeFileSync(join(path, 'config.json'), JSON.stringify({ ...configuration, num_attention_heads: 5 }));
    assert.throws(() => readBackboneConfiguration(path), /multiple of num_attention_heads/);
  });

  it('without weights, with parts missing, or parts elsewhere is refused', () => {
    const path = copy('sharded');
    const index = join(path, 'model.safetensors.index.json');
    const outside = readFileSync(index, 'utf8').replaceAll('model-00001', '../model-00001');
    writeFileSync(index, outside);
    assert.throws(() => new BackboneWeights(path), { code: 'invalid-input', message: /not a file beside it/ });
    writeFileSync(index, outside.replaceAll('../', ''));
    rmSync(join(path, 'model-00001-of-00002.safetensors'));
    assert.throws(() => new BackboneWeights(path), { code: 'invalid-input', message: /cannot read .*model-00001/ });
    rmSync(index);
    assert.throws(() => new BackboneWeights(path), { code: 'invalid-input', message: /has neither/ });
  });

  it('whose weights do not fit its configuration is refused', () => {
    const path = copy('half');
    const configuration = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'));
    writeFileSync(join(path, 'config.json'), JSON.stringify({ ...configuration, intermediate_size: 32 }));
    assert.throws(
      () => withBackbone(path, () => {}),
      /intermediate_dense.weight has shape \[24,16\], expected \[32,16\]/,
    );
    writeFileSync(join(path, 'config.json'), JSON.stringify({ ...configuration, num_hidden_layers: 5 }));
    assert.throws(() => withBackbone(path, () => {}), /has no encoder\.layers\.4\./);
  });

  it('may hold numbers that cannot be read, as long as nobody asks for them', () => {
    const file = join(scratch, 'types.safetensors');
    const header = JSON.stringify({ a: { dtype: 'I64', shape: [1], data_offsets: [0, 8] } });
    const length = new Uint8Array(BigUint64Array.of(BigInt(header.length)).buffer);
    writeFileSync(file, Buffer.concat([length, Buffer.from(header), Buffer.alloc(8)]));
    const opened = new Safetensors(file);
    assert.throws(() => opened.read('a'), /a is I64, expected one of F32, F16, BF16/);
    opened.close();
  });

  it('with a header of something else is refused', () => {
    const file = join(scratch, 'header.safetensors');
    for (const header of ['[]', '{"a": 1}', '{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}', 'x']) {
      const length = new Uint8Array(BigUint64Array.of(BigInt(header.length)).buffer);
      writeFileSync(file, Buffer.concat([length, Buffer.from(header), Buffer.alloc(8)]));
      assert.throws(() => new Safetensors(file), { code: 'invalid-input', message: /header/ });
    }
  });
});

describe("a head's file", () => {
  it('that is none is refused', () => {
    mkdirSync(scratch, { recursive: true });
    const path = join(scratch, 'other.safetensors');
    writeArrays(path, new Map([['a', { shape: [1], values: Float32Array.of(1) }]]));
    assert.throws(() => HeadWeights.read(path).configuration(4), { code: 'invalid-input', message: /is no head/ });
  });

  it('of a width that the attention heads do not divide is refused', () => {
    const weights = HeadWeights.read(join(folder, 'whole/single.pt'));
    assert.throws(() => weights.configuration(3), { code: 'invalid-input', message: /3 heads/ });
  });
});
