import { tf } from '../tensorflow.ts';

/** Mean of the values where the mask is 1; 0 when it is 1 nowhere. */
export function maskedMean(values: tf.Tensor, mask: tf.Tensor): tf.Scalar {
  return values.mul(mask).sum().div(mask.sum().maximum(1)).asScalar();
}

/** Mean of squared differences where the mask is 1. All [batch]. */
export function squaredError(mos: tf.Tensor, target: tf.Tensor, mask: tf.Tensor): tf.Scalar {
  return maskedMean(mos.sub(target).square(), mask);
}

/**
 * Negative logarithm of the likelihood of the target under a normal distribution, without its constant term:
 * (error^2 / variance + log variance) / 2. All [batch].
 */
export function gaussianLikelihood(
  mos: tf.Tensor,
  logVariance: tf.Tensor,
  target: tf.Tensor,
  mask: tf.Tensor,
): tf.Scalar {
  const scaled = mos.sub(target).square().mul(logVariance.neg().exp());
  return maskedMean(scaled.add(logVariance).mul(0.5), mask);
}

/** Cross entropy of log odds against 0 or 1, where the mask is 1: log(1 + e^x) - x y. Any equal shapes. */
export function crossEntropy(logits: tf.Tensor, target: tf.Tensor, mask: tf.Tensor): tf.Scalar {
  // softplus(x) = max(x, 0) + log(1 + e^-|x|) does not overflow.
  const softplus = tf.relu(logits).add(logits.abs().neg().exp().log1p());
  return maskedMean(softplus.sub(logits.mul(target)), mask);
}
