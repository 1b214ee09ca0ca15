import type { GraphBuilder, Value } from '../onnx/graph.ts';
import {
  type ConvolutionOptions,
  type ConvolutionWriter,
  convolutionAttributes,
  FloatConvolutions,
} from './convolutions.ts';

/** Lowest and highest value of an activation. */
export interface Range {
  low: number;
  high: number;
}

/** Ranges of the inputs and outputs of each convolution, by layer. */
export type Ranges = ReadonlyMap<string, { input: Range; output: Range }>;

/** Writes convolutions in float32 that also give out how large their inputs and outputs get. */
export class ProbedConvolutions implements ConvolutionWriter {
  readonly #inner = new FloatConvolutions();

  write(graph: GraphBuilder, name: string, x: Value, options: ConvolutionOptions): Value {
    const y = this.#inner.write(graph, name, x, options);
    for (const [side, value] of [
      ['input', x],
      ['output', y],
    ] as const) {
      graph.output(probeName(name, side, 'low'), graph.node('ReduceMin', [value], { keepdims: 0 }), []);
      graph.output(probeName(name, side, 'high'), graph.node('ReduceMax', [value], { keepdims: 0 }), []);
    }
    return y;
  }
}

/** Joins what probed graphs gave out, run by run. */
export class RangeCollector {
  readonly #ranges = new Map<string, { input: Range; output: Range }>();

  add(outputs: Readonly<Record<string, { values: Float32Array }>>): void {
    for (const [key, { values }] of Object.entries(outputs)) {
      const [, name, side, end] = /^probe\/(.+)\/(input|output)\/(low|high)$/.exec(key) ?? [];
      if (name === undefined) continue;
      const range = this.#ranges.get(name) ?? { input: { low: 0, high: 0 }, output: { low: 0, high: 0 } };
      this.#ranges.set(name, range);
      const of = range[side as 'input' | 'output'];
      const value = values[0] as number;
      if (end === 'low') of.low = Math.min(of.low, value);
      else of.high = Math.max(of.high, value);
    }
  }

  get ranges(): Ranges {
    return this.#ranges;
  }
}

/**
 * Writes convolutions of 8-bit numbers: activations as uint8 with one scale, kernels as int8 with a scale per output,
 * biases as int32, between QuantizeLinear and DequantizeLinear, which onnxruntime joins into one integer kernel.
 */
export class QuantisedConvolutions implements ConvolutionWriter {
  readonly #ranges: Ranges;
  /** Values that are already rounded to 8 bits, and their scale. */
  readonly #rounded = new Map<Value, number>();

  constructor(ranges: Ranges) {
    this.#ranges = ranges;
  }

  write(graph: GraphBuilder, name: string, x: Value, options: ConvolutionOptions): Value {
    const range = this.#ranges.get(name);
    if (!range) throw new RangeError(`no range is known of ${name}`);
    const input = this.#rounded.has(x) ? x : this.#round(graph, x, range.input);
    const inputScale = this.#rounded.get(input) as number;
    const { weights, weightShape, bias, rectified } = options;
    const outputs = weightShape[0] as number;
    const { values, scales } = quantiseKernel(weights, outputs);
    const kernelScales = graph.constant(scales, [outputs]);
    const zeros = graph.quantised(new Int8Array(outputs), [outputs]);
    const kernel = graph.node('DequantizeLinear', [graph.quantised(values, weightShape), kernelScales, zeros], {
      axis: 0,
    });
    const inputs = [input, kernel];
    if (bias) {
      const biasScales = scales.map((scale) => scale * inputScale);
      const whole = Int32Array.from(bias, (value, n) => Math.round(value / (biasScales[n] as number)));
      const parts = [graph.quantised(whole, [outputs]), graph.constant(biasScales, [outputs])];
      inputs.push(
        graph.node('DequantizeLinear', [...parts, graph.quantised(new Int32Array(outputs), [outputs])], { axis: 0 }),
      );
    }
    const y = graph.node('Conv', inputs, convolutionAttributes(options));
    return this.#round(graph, rectified ? graph.node('Relu', [y]) : y, range.output);
  }

  #round(graph: GraphBuilder, x: Value, { low, high }: Range): Value {
    const scale = Math.fround(Math.max(high - low, 1e-6) / 255);
    const zero = Math.min(255, Math.max(0, Math.round(-low / scale)));
    const constants = [graph.scalar(scale), graph.quantised(Uint8Array.of(zero), [])];
    const rounded = graph.node('DequantizeLinear', [graph.node('QuantizeLinear', [x, ...constants]), ...constants]);
    this.#rounded.set(rounded, scale);
    return rounded;
  }
}

/** Symmetric, a scale for each output: weights [outputs][...]. */
function quantiseKernel(weights: Float32Array, outputs: number): { values: Int8Array; scales: Float32Array } {
  const size = weights.length / outputs;
  const scales = Float32Array.from({ length: outputs }, (_, output) => {
    const largest = weights
      .subarray(output * size, (output + 1) * size)
      .reduce((most, w) => Math.max(most, Math.abs(w)), 0);
    return Math.max(largest, 1e-9) / 127;
  });
  const values = Int8Array.from(weights, (w, n) => Math.round(w / (scales[Math.floor(n / size)] as number)));
  return { values, scales };
}

function probeName(layer: string, side: 'input' | 'output', end: 'low' | 'high'): string {
  return `probe/${layer}/${side}/${end}`;
}
