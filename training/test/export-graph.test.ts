import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { filledUp } from '../src/export/filled.ts';
import { type graphNames, headsGraph, stateValues, trunkGraph, windowedGraph } from '../src/export/student-graph.ts';
import { openGraph, runGraph } from '../src/onnx/session.ts';
import { type NetworkConfiguration, networkSchema } from '../src/student/configuration.ts';
import { Network } from '../src/student/network.ts';
import { tf } from '../src/tensorflow.ts';
import { normalTensor } from './support/gradients.ts';
import { largestDifference } from './support/onnx.ts';
import { trainedWeights } from './support/trained-weights.ts';

const base = {
  mels: 16,
  trunk: [
    { channels: 5, kernel: [3, 3], stride: [2, 2] },
    { channels: 6, kernel: [3, 3], stride: [2, 2], separable: true },
    { channels: 7, kernel: [4, 3], stride: [1, 2], separable: true },
    { channels: 7, kernel: [1, 3], stride: [1, 1] },
  ],
  width: 8,
  pooling: { heads: 3 },
  hidden: 6,
};
const shapes: Record<string, NetworkConfiguration> = {
  recurrent: networkSchema.parse({ ...base, memory: { kind: 'lstm' } }),
  'time-delay': networkSchema.parse({ ...base, memory: { kind: 'time-delay', dilations: [1, 3] } }),
  'odd in width': networkSchema.parse({ ...base, width: 7, memory: { kind: 'lstm' } }),
  'without deviation': networkSchema.parse({
    ...base,
    memory: { kind: 'lstm' },
    pooling: { heads: 1, deviation: false },
  }),
};

const tolerance = 1e-4;
const [batch, frames] = [3, 48];
const logMel = normalTensor([batch, frames, 16], 'frames', 2) as tf.Tensor3D;
const input = { values: logMel.dataSync() as Float32Array, shape: [batch, frames, 16] };

for (const [name, network] of Object.entries(shapes)) {
  describe(`the ${name} network as ONNX`, () => {
    const weights = trainedWeights(network);
    const original = new Network(network, weights);
    const expected = tf.tidy(() => {
      const { steps, speech } = original.trunk(logMel);
      const { mos, logVariance, causes } = original.heads(steps);
      const values = {
        steps,
        speech: tf.sigmoid(speech),
        mos: mos.clipByValue(1, 5),
        logVariance,
        causes: tf.sigmoid(causes),
      };
      return Object.fromEntries(
        Object.entries(values).map(([key, value]) => [key, value.dataSync() as Float32Array]),
      ) as never;
    }) as Record<keyof typeof graphNames, Float32Array>;

    it('says the same when its layers are filled up to multiples of 8 units', () => {
      const filled = filledUp(network, weights);
      const { trunk, width, hidden } = filled.network;
      assert.deepEqual([...trunk.map(({ channels }) => channels), width, hidden], [8, 8, 8, 8, 8, 8]);
      const larger = new Network(filled.network, filled.weights);
      const [mos, speech] = tf.tidy(() => {
        const { steps, speech } = larger.trunk(logMel);
        const heard = original.trunk(logMel);
        const difference = (a: tf.Tensor, b: tf.Tensor) => a.sub(b).abs().max().dataSync()[0] as number;
        return [difference(larger.heads(steps).mos, original.heads(heard.steps).mos), difference(speech, heard.speech)];
      });
      assert.ok((mos as number) < 1e-5 && (speech as number) < 1e-5, `${mos}, ${speech}`);
      larger.dispose();
    });

    it('in windowed form says what the training graph says', async () => {
      const session = await openGraph(windowedGraph(network, weights));
      const outputs = await runGraph(session, { logmel: input });
      for (const output of ['mos', 'logVariance', 'causes'] as const) {
        const { values } = outputs[output] as { values: Float32Array };
        assert.ok(largestDifference(values, expected[output]) < tolerance, output);
      }
      const steps = expected.speech.length / batch;
      const means = Float32Array.from({ length: batch }, (_, row) => {
        const spoken = expected.speech.subarray(row * steps, (row + 1) * steps);
        return spoken.reduce((sum, value) => sum + value, 0) / steps;
      });
      assert.ok(largestDifference(outputs.speech?.values as Float32Array, means) < tolerance);
    });

    it('in streaming form says the same piece by piece', async () => {
      const trunk = await openGraph(trunkGraph(network, weights));
      const heads = await openGraph(headsGraph(network, weights));
      let state = { values: new Float32Array(batch * stateValues(network)), shape: [batch, stateValues(network)] };
      const steps: tf.Tensor3D[] = [];
      const speech: tf.Tensor2D[] = [];
      for (const [start, length] of [
        [0, 4],
        [4, 24],
        [28, 8],
        [36, 12],
      ] as const) {
        const piece = logMel.slice([0, start, 0], [batch, length, 16]);
        const fed = { values: piece.dataSync() as Float32Array, shape: piece.shape };
        const outputs = await runGraph(trunk, { logmel: fed, state });
        state = outputs.nextState as typeof state;
        steps.push(
          tf.tensor3d(outputs.steps?.values as Float32Array, outputs.steps?.shape as [number, number, number]),
        );
        speech.push(tf.tensor2d(outputs.speech?.values as Float32Array, outputs.speech?.shape as [number, number]));
      }
      const all = tf.concat(steps, 1);
      assert.ok(largestDifference(all.dataSync() as Float32Array, expected.steps) < tolerance, 'steps');
      assert.ok(
        largestDifference(tf.concat(speech, 1).dataSync() as Float32Array, expected.speech) < tolerance,
        'speech',
      );
      const outputs = await runGraph(heads, { steps: { values: all.dataSync() as Float32Array, shape: all.shape } });
      for (const output of ['mos', 'logVariance', 'causes'] as const) {
        const { values } = outputs[output] as { values: Float32Array };
        assert.ok(largestDifference(values, expected[output]) < tolerance, output);
      }
    });

    it('takes windows of several lengths', async () => {
      const session = await openGraph(windowedGraph(network, weights));
      for (const length of [4, 20, 32]) {
        const values = input.values.subarray(0, length * 16);
        const { mos } = await runGraph(session, { logmel: { values, shape: [1, length, 16] } });
        assert.equal(mos?.values.length, 1);
      }
    });
  });
}
