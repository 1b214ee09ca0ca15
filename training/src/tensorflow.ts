import { createRequire } from 'node:module';
import type * as Tensorflow from '@tensorflow/tfjs-node';
import type * as Int64 from '@tensorflow/tfjs-node/dist/int64_tensors.js';
import { choosePackage } from './run/tensorflow-package.ts';

/**
 * TensorFlow.js for all of training, from the package that this machine computes with. The packages have the same types;
 * both must never be loaded at once, which is why nothing else imports either.
 */
const require = createRequire(import.meta.url);

/** Name of the package that was loaded. */
export const tensorflowPackage = choosePackage(process.env);

export const tf = require(tensorflowPackage) as typeof Tensorflow;

/** A 64-bit whole number as an input of a kernel: TensorFlow.js itself has no such type. */
export const { Int64Scalar } = require(`${tensorflowPackage}/dist/int64_tensors.js`) as typeof Int64;
export type Int64Scalar = Int64.Int64Scalar;

export declare namespace tf {
  type Rank = Tensorflow.Rank;
  type Tensor<R extends Rank = Rank> = Tensorflow.Tensor<R>;
  type Scalar = Tensorflow.Scalar;
  type Tensor1D = Tensorflow.Tensor1D;
  type Tensor2D = Tensorflow.Tensor2D;
  type Tensor3D = Tensorflow.Tensor3D;
  type Tensor4D = Tensorflow.Tensor4D;
  type Variable<R extends Rank = Rank> = Tensorflow.Variable<R>;
  type GradSaveFunc = Tensorflow.GradSaveFunc;
}

/**
 * The values of what is computed; nothing else is left of it. Large arrays must not come out of `tf.tidy` itself, which looks
 * for tensors in what it returns, number by number.
 */
export function valuesOf(compute: () => tf.Tensor): Float32Array {
  const result = tf.tidy(compute);
  const values = result.dataSync() as Float32Array;
  result.dispose();
  return values;
}
