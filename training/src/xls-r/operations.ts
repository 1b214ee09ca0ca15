import { tf } from '../tensorflow.ts';

/** Over the last axis: zero mean, variance one, then gain and shift. */
export function layerNormalise<T extends tf.Tensor>(x: T, gain: tf.Tensor, shift: tf.Tensor, epsilon: number): T {
  return tf.tidy(() => {
    const { mean, variance } = tf.moments(x, -1, true);
    return x
      .sub(mean)
      .mul(tf.rsqrt(variance.add(epsilon)))
      .mul(gain)
      .add(shift);
  }) as T;
}

/** Gaussian error linear unit, exact: x Phi(x). */
export function gelu<T extends tf.Tensor>(x: T): T {
  return tf.tidy(() => x.mul(0.5).mul(tf.erf(x.mul(Math.SQRT1_2)).add(1))) as T;
}

/** x [..., inputs] times kernel [inputs, outputs], plus bias. */
export function dense(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const [inputs, outputs] = kernel.shape as [number, number];
    const rows = tf.matMul(x.reshape([-1, inputs]) as tf.Tensor2D, kernel as tf.Tensor2D).add(bias);
    return rows.reshape([...x.shape.slice(0, -1), outputs]);
  });
}

/** Scaled dot-product attention of several heads: query, key and value [batch, frames, width] to the same shape. */
export function attend(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, heads: number): tf.Tensor {
  return tf.tidy(() => {
    const [batch, frames, width] = query.shape as [number, number, number];
    const size = width / heads;
    const split = (x: tf.Tensor) => x.reshape([batch, frames, heads, size]).transpose([0, 2, 1, 3]) as tf.Tensor4D;
    const scores = tf.matMul(split(query.mul(1 / Math.sqrt(size))), split(key), false, true);
    const context = tf.matMul(tf.softmax(scores), split(value));
    return context.transpose([0, 2, 1, 3]).reshape([batch, frames, width]);
  });
}
