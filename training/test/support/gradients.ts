import assert from 'node:assert/strict';
import { Random } from '../../src/run/random.ts';
import { tf } from '../../src/tensorflow.ts';

/** A tensor of normal numbers that depends on its name only. */
export function normalTensor(shape: number[], name: string, scale = 1): tf.Tensor {
  const random = Random.derive(1, 'test', name);
  const size = shape.reduce((product, length) => product * length, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => scale * random.normal()),
    shape,
  );
}

export interface GradientCheck {
  /** Distance between the points, in units of the direction: the larger, the less rounding. */
  step?: number;
  tolerance?: number;
}

/**
 * Compares the gradient of a scalar function with central differences of fourth order along random directions, one input
 * after the other. Along a direction the differences of many values add up, which float32 needs.
 */
export function checkGradients(
  f: (...inputs: tf.Tensor[]) => tf.Scalar,
  inputs: readonly tf.Tensor[],
  { step = 1e-2, tolerance = 1e-2 }: GradientCheck = {},
): void {
  const gradients = tf.tidy(() => tf.grads((...x) => f(...x))([...inputs]));
  for (const [index, input] of inputs.entries()) {
    for (const name of ['first', 'second', 'third']) {
      const [analytic, numeric] = tf.tidy(() => {
        const raw = normalTensor(input.shape, `direction ${name} ${index}`);
        const direction = raw.div(raw.norm());
        const at = (distance: number) => {
          const moved = inputs.map((x, other) => (other === index ? x.add(direction.mul(distance)) : x));
          return f(...moved).dataSync()[0] as number;
        };
        const along = (gradients[index] as tf.Tensor).mul(direction).sum().dataSync()[0] as number;
        const [near, far] = [at(step) - at(-step), at(2 * step) - at(-2 * step)];
        return [along, (8 * near - far) / (12 * step)];
      });
      const scale = Math.max(Math.abs(analytic), Math.abs(numeric), 1e-2);
      assert.ok(
        Math.abs(analytic - numeric) <= tolerance * scale,
        `input ${index}, ${name} direction: gradient ${analytic}, differences ${numeric}`,
      );
    }
  }
  tf.dispose(gradients);
}
