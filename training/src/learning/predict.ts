import { mosRange } from '../student/constants.ts';
import type { Network } from '../student/network.ts';
import { tf } from '../tensorflow.ts';
import type { Batch } from './windows.ts';

/** What a network says of one sequence. */
export interface Prediction {
  mos: number;
  logVariance: number;
  /** Probability that somebody speaks, for each step of the window. */
  speech: Float32Array;
  /** Probabilities. */
  causes: Float32Array;
}

/** Runs a network as it will be used: normalised by the moving statistics. Leaves no tensors. */
export function predict(network: Network, batch: Batch): Prediction[] {
  const { size, frames, steps, logMel, window } = batch;
  const read = (x: tf.Tensor) => x.dataSync() as Float32Array;
  const values: Float32Array[] = [];
  tf.tidy(() => {
    const input = tf.tensor(logMel, [size, frames, logMel.length / (size * frames)]) as tf.Tensor3D;
    const { steps: embedded, speech } = network.trunk(input);
    const { mos, logVariance, causes } = network.heads(embedded, tf.tensor2d(window, [size, steps]));
    values.push(read(mos), read(logVariance), read(tf.sigmoid(speech)), read(tf.sigmoid(causes)));
  });
  const [mos, logVariance, speech, causes] = values as [Float32Array, Float32Array, Float32Array, Float32Array];
  const perRow = causes.length / size;
  return Array.from({ length: size }, (_, row) => {
    const inWindow = window.subarray(row * steps, (row + 1) * steps);
    const spoken = speech.subarray(row * steps, (row + 1) * steps);
    return {
      mos: Math.min(mosRange.high, Math.max(mosRange.low, mos[row] as number)),
      logVariance: logVariance[row] as number,
      speech: spoken.filter((_, step) => inWindow[step] === 1),
      causes: causes.slice(row * perRow, (row + 1) * perRow),
    };
  });
}
