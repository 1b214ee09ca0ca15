import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { decodeFile } from '../src/audio/ffmpeg.ts';
import { readDistillMos } from '../src/distill-mos/checkpoint.ts';
import { distillMosGraph } from '../src/distill-mos/graph.ts';
import { DistillMosNetwork } from '../src/distill-mos/network.ts';
import { type DistillMosShape, distillMosSamples, publishedShape, withBesides } from '../src/distill-mos/shape.ts';
import { openGraph, runGraph } from '../src/onnx/session.ts';
import { mean } from '../src/statistics/statistics.ts';
import { readDescription } from '../src/teach/description.ts';
import { tf, valuesOf } from '../src/tensorflow.ts';
import { irregularShape, randomDistillMos, windowOf } from './support/distill-mos.ts';
import { fixtures } from './support/fixture-corpus.ts';
import { checkGradients, normalTensor } from './support/gradients.ts';
import { largestDifference } from './support/onnx.ts';

const { path } = readDescription(join(import.meta.dirname, '../teachers/distill-mos.yaml'));
const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'golden/golden.json'), 'utf8')) as {
  scores: Record<string, Record<string, number>>;
};

function trained(network: DistillMosNetwork, waveforms: Float32Array, batch: number): Float32Array {
  return tf.tidy(() => {
    const spectrum = network.spectrum(tf.tensor2d(waveforms, [batch, distillMosSamples]));
    return network.mos(spectrum).dataSync() as Float32Array;
  });
}

async function exported(
  shape: DistillMosShape,
  weights: Map<string, Float32Array>,
  waveforms: Float32Array,
  batch = 1,
) {
  const session = await openGraph(distillMosGraph(shape, weights));
  const { mos } = await runGraph<'mos'>(session, {
    waveform: { values: waveforms, shape: [batch, distillMosSamples] },
  });
  await session.release();
  return mos.values;
}

describe('Distill-MOS to be trained on', () => {
  it('says of real speech what its export and its reference say', async () => {
    const weights = readDistillMos(path);
    const network = new DistillMosNetwork(publishedShape, weights);
    const [clip, scores] = Object.entries(golden.scores)[0] as [string, Record<string, number>];
    const waveform = windowOf(await decodeFile(join(fixtures, clip)));
    const before = tf.memory().numTensors;
    const said = trained(network, waveform, 1);
    assert.equal(tf.memory().numTensors, before);
    const difference = largestDifference(said, await exported(publishedShape, weights, waveform));
    console.log(`difference to the export ${difference.toExponential(1)}`);
    assert.ok(difference < 1e-4, `${difference}`);
    assert.ok(Math.abs((said[0] as number) - (scores['distill-mos'] as number)) < 1e-3);
    network.dispose();
  });

  it('of any shape says what its export says', async () => {
    const weights = randomDistillMos(irregularShape);
    const network = new DistillMosNetwork(irregularShape, weights);
    const speech = await decodeFile(join(fixtures, 'speech/man-1.wav'));
    const waveforms = new Float32Array(2 * distillMosSamples);
    waveforms.set(windowOf(speech));
    waveforms.set(windowOf(speech.subarray(20_000, 60_000)), distillMosSamples);
    const said = trained(network, waveforms, 2);
    assert.notEqual(said[0], said[1]);
    const difference = largestDifference(said, await exported(irregularShape, weights, waveforms, 2));
    assert.ok(difference < 1e-5, `${difference}`);
    network.dispose();
  });

  it('to be served fills short sound up with silence', async () => {
    const weights = randomDistillMos(irregularShape);
    const speech = (await decodeFile(join(fixtures, 'speech/man-1.wav'))).slice(0, 60_000);
    const session = await openGraph(distillMosGraph(irregularShape, weights, { servable: true }));
    const outputs = await runGraph<'mos' | 'logVariance'>(session, {
      waveform: { values: speech, shape: [1, speech.length] },
    });
    const whole = await exported(irregularShape, weights, windowOf(speech));
    assert.ok(Math.abs((outputs.mos.values[0] as number) - (whole[0] as number)) < 1e-5);
    assert.deepEqual([...outputs.logVariance.values], [0]);
  });

  it('to be served tells in which share of the steps somebody speaks', async () => {
    const { shape, weights } = withBesides({ shape: irregularShape, weights: randomDistillMos(irregularShape) }, 6, 1);
    const speech = (await decodeFile(join(fixtures, 'speech/man-1.wav'))).slice(0, 60_000);
    const network = new DistillMosNetwork(shape, weights);
    const odds = valuesOf(() => {
      const waveform = tf.tensor2d(windowOf(speech), [1, distillMosSamples]);
      return network.said(network.features(network.spectrum(waveform))).besides?.speech as tf.Tensor2D;
    });
    network.dispose();
    const heard = [...odds.subarray(0, Math.ceil(speech.length / 320))].map((value) => 1 / (1 + Math.exp(-value)));
    const median = [...heard].sort((a, b) => a - b)[Math.floor(heard.length / 2)] as number;
    const share = async (stepThreshold?: number) => {
      const session = await openGraph(distillMosGraph(shape, weights, { servable: true, stepThreshold }));
      const waveform = { values: speech, shape: [1, speech.length] };
      return (await runGraph<'speech'>(session, { waveform })).speech.values[0] as number;
    };
    assert.ok(Math.abs((await share()) - mean(heard)) < 1e-5);
    const threshold = median + 1e-4;
    const counted = mean(heard.map((probability) => Number(probability >= threshold)));
    assert.ok(counted > 0.1 && counted < 0.9, `${counted}`);
    assert.ok(Math.abs((await share(threshold)) - counted) < 2 / heard.length);
  });

  it('has gates that take a layer away, and gradients that fit them', () => {
    const weights = randomDistillMos(irregularShape);
    const network = new DistillMosNetwork(irregularShape, weights);
    const spectrum = normalTensor([1, 161, 768, 2], 'spectrum') as tf.Tensor4D;
    const { layers } = irregularShape;
    const without = new DistillMosNetwork({ ...irregularShape, layers: layers.slice(0, 1) }, weights);
    const [gated, cut, open, plain] = tf.tidy(() => [
      network.mos(spectrum, tf.tensor1d([1, 0])).dataSync()[0] as number,
      without.mos(spectrum).dataSync()[0] as number,
      network.mos(spectrum, tf.tensor1d([1, 1])).dataSync()[0] as number,
      network.mos(spectrum).dataSync()[0] as number,
    ]) as unknown as [number, number, number, number];
    assert.ok(Math.abs(gated - cut) < 1e-5);
    assert.ok(Math.abs(open - plain) < 1e-5);
    checkGradients(
      (gates) =>
        network
          .mos(spectrum, gates as tf.Tensor1D)
          .sum()
          .asScalar(),
      [tf.tensor1d([0.9, 0.8])],
      {
        step: 0.02,
      },
    );
    network.dispose();
    without.dispose();
  });
});
