import { FloatOperators } from '../../src/onnx/operators.ts';

/** Writes a node behind each convolution that no reader knows. */
export class MoreOperators extends FloatOperators {
  override convolve(...parameters: Parameters<FloatOperators['convolve']>) {
    return parameters[0].node('Abs', [super.convolve(...parameters)]);
  }
}
