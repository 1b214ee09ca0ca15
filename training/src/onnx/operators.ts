import type { Attribute, GraphBuilder, Value } from './graph.ts';

/** A convolution in the layouts of ONNX. */
export interface ConvolutionOptions {
  kernel: readonly number[];
  weights: Float32Array;
  /** [outputs, inputs per group, ...kernel] */
  weightShape: readonly number[];
  bias?: Float32Array;
  /** Followed by a rectifier. */
  rectified: boolean;
  /** Default: 1 in every direction, no padding, one group. */
  strides?: readonly number[];
  pads?: readonly number[];
  dilations?: readonly number[];
  group?: number;
}

/** Writes the expensive operators into a graph; `name` is the layer's. */
export interface OperatorWriter {
  convolve(graph: GraphBuilder, name: string, x: Value, options: ConvolutionOptions): Value;
  /** x [..., inputs] times weights of `shape` [inputs, outputs]. */
  multiply(graph: GraphBuilder, name: string, x: Value, weights: Float32Array, shape: readonly [number, number]): Value;
}

export class FloatOperators implements OperatorWriter {
  convolve(graph: GraphBuilder, _name: string, x: Value, options: ConvolutionOptions): Value {
    const { weights, weightShape, bias, rectified } = options;
    const inputs = [x, graph.constant(weights, weightShape)];
    if (bias) inputs.push(graph.constant(bias, [bias.length]));
    const y = graph.node('Conv', inputs, convolutionAttributes(options));
    return rectified ? graph.node('Relu', [y]) : y;
  }

  multiply(graph: GraphBuilder, _name: string, x: Value, weights: Float32Array, shape: readonly number[]): Value {
    return graph.node('MatMul', [x, graph.constant(weights, shape)]);
  }
}

export function convolutionAttributes(options: ConvolutionOptions): Record<string, Attribute> {
  const { kernel, strides, pads, dilations, group } = options;
  return {
    kernel_shape: kernel,
    ...(strides ? { strides } : {}),
    ...(pads ? { pads } : {}),
    ...(dilations ? { dilations } : {}),
    ...(group === undefined ? {} : { group }),
  };
}
