import type { GraphBuilder, Value } from './graph.ts';
import { type ConvolutionOptions, convolutionAttributes, FloatOperators, type OperatorWriter } from './operators.ts';
import type { Range, Ranges } from './ranges.ts';
import { probeName } from './ranges.ts';

/** Writes operators in float32 that also give out how large their inputs and outputs get. */
export class ProbedOperators implements OperatorWriter {
  readonly #inner = new FloatOperators();

  convolve(graph: GraphBuilder, name: string, x: Value, options: ConvolutionOptions): Value {
    const y = this.#inner.convolve(graph, name, x, options);
    this.#probe(graph, name, 'input', x);
    this.#probe(graph, name, 'output', y);
    return y;
  }

  multiply(
    graph: GraphBuilder,
    name: string,
    x: Value,
    weights: Float32Array,
    shape: readonly [number, number],
  ): Value {
    this.#probe(graph, name, 'input', x);
    return this.#inner.multiply(graph, name, x, weights, shape);
  }

  #probe(graph: GraphBuilder, name: string, side: 'input' | 'output', value: Value): void {
    graph.output(probeName(name, side, 'low'), graph.node('ReduceMin', [value], { keepdims: 0 }), []);
    graph.output(probeName(name, side, 'high'), graph.node('ReduceMax', [value], { keepdims: 0 }), []);
  }
}

/**
 * Writes operators of 8-bit numbers: activations as uint8 with one scale, weights as int8 with a scale per output, biases
 * as int32, between QuantizeLinear and DequantizeLinear, which onnxruntime joins into one integer kernel.
 */
export class QuantisedOperators implements OperatorWriter {
  readonly #ranges: Ranges;
  /** Values that are already rounded to 8 bits, and their scale. */
  readonly #rounded = new Map<Value, number>();

  constructor(ranges: Ranges) {
    this.#ranges = ranges;
  }

  convolve(graph: GraphBuilder, name: string, x: Value, options: ConvolutionOptions): Value {
    const input = this.#input(graph, name, x);
    const { weights, weightShape, bias, rectified } = options;
    const outputs = weightShape[0] as number;
    const { values, scales } = quantiseWeights(weights, outputs, (n) => Math.floor((n * outputs) / weights.length));
    const inputs = [input.value, dequantised(graph, graph.quantised(values, weightShape), scales, Int8Array, 0)];
    if (bias) {
      const biasScales = scales.map((scale) => scale * input.scale);
      const whole = Int32Array.from(bias, (value, n) => Math.round(value / (biasScales[n] as number)));
      inputs.push(dequantised(graph, graph.quantised(whole, [outputs]), biasScales, Int32Array, 0));
    }
    const y = graph.node('Conv', inputs, convolutionAttributes(options));
    return this.#round(graph, rectified ? graph.node('Relu', [y]) : y, this.#range(name).output as Range);
  }

  multiply(
    graph: GraphBuilder,
    name: string,
    x: Value,
    weights: Float32Array,
    shape: readonly [number, number],
  ): Value {
    const { values, scales } = quantiseWeights(weights, shape[1], (n) => n % shape[1]);
    const kernel = dequantised(graph, graph.quantised(values, shape), scales, Int8Array, 1);
    return graph.node('MatMul', [this.#input(graph, name, x).value, kernel]);
  }

  #range(name: string) {
    const range = this.#ranges.get(name);
    if (!range) throw new RangeError(`no range is known of ${name}`);
    return range;
  }

  #input(graph: GraphBuilder, name: string, x: Value): { value: Value; scale: number } {
    const value = this.#rounded.has(x) ? x : this.#round(graph, x, this.#range(name).input);
    return { value, scale: this.#rounded.get(value) as number };
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

/** Whole numbers times a scale per entry of an axis. */
function dequantised(
  graph: GraphBuilder,
  values: Value,
  scales: Float32Array,
  type: typeof Int8Array | typeof Int32Array,
  axis: number,
): Value {
  const zeros = graph.quantised(new type(scales.length), [scales.length]);
  return graph.node('DequantizeLinear', [values, graph.constant(scales, [scales.length]), zeros], { axis });
}

/**
 * Largest weight. Processors without VNNI add two products of uint8 and int8 in 16 bits, where more than 7 bits of weight would
 * overflow: 2 * 255 * 63 does not. So a model gives the same scores on every processor (onnxruntime: reduced range).
 */
const largestWeight = 63;

/** Symmetric, a scale for each output; `outputOf`: index of the output that a weight belongs to. */
export function quantiseWeights(
  weights: Float32Array,
  outputs: number,
  outputOf: (n: number) => number,
): { values: Int8Array; scales: Float32Array } {
  const largest = new Float32Array(outputs).fill(1e-9);
  for (const [n, w] of weights.entries()) {
    const output = outputOf(n);
    largest[output] = Math.max(largest[output] as number, Math.abs(w));
  }
  const scales = largest.map((value) => value / largestWeight);
  return { values: Int8Array.from(weights, (w, n) => Math.round(w / (scales[outputOf(n)] as number))), scales };
}
