import { float, GraphBuilder, type Value } from '../onnx/graph.ts';
import { FloatOperators, type OperatorWriter } from '../onnx/operators.ts';
import { hann, shortTimeFourier } from '../onnx/spectrum.ts';
import { causeNames } from '../student/configuration.ts';
import { logVarianceRange } from '../student/constants.ts';
import { permuted } from '../student/folding.ts';
import { type DistillMosShape, distillMosSamples, featuresOf, steps, strides } from './shape.ts';

export interface DistillMosGraphOptions {
  /** How convolutions and products are written. Default: in float32. */
  operators?: OperatorWriter;
  /** Takes shorter sound too, which it fills up with silence, and has a constant `logVariance` of 0. Default: false. */
  servable?: boolean;
  /** Probability from which a step counts as speech. Default: none, `speech` is the mean probability of the steps. */
  stepThreshold?: number | undefined;
  metadata?: Readonly<Record<string, string>>;
}

/**
 * Distill-MOS as an ONNX graph: compressed complex spectrum, six convolutions, projection with positions, transformer
 * layers, attention pooling. Input `waveform` [batch, 122880] at 16 kHz, any level; output `mos` [batch], 1 to 5. Of a
 * network that says more also `logVariance` [batch], `speech` [batch] (share of the steps of the sound that came in in which
 * somebody speaks), and `causes` [batch, causes] (probabilities).
 */
export function distillMosGraph(
  shape: DistillMosShape,
  weights: ReadonlyMap<string, Float32Array>,
  { operators = new FloatOperators(), servable = false, stepThreshold, metadata }: DistillMosGraphOptions = {},
): Uint8Array {
  const writer = new DistillMosWriter(shape, weights, operators);
  const { graph } = writer;
  const waveform = graph.input('waveform', ['batch', servable ? 'samples' : distillMosSamples]);
  const { mos, besides } = writer.said(servable ? writer.filled(waveform) : waveform);
  graph.output('mos', mos, ['batch']);
  if (besides) {
    graph.output('logVariance', besides.logVariance, ['batch']);
    const spoken = stepThreshold === undefined ? besides.speech : writer.reached(besides.speech, stepThreshold);
    graph.output('speech', writer.share(spoken, waveform), ['batch']);
    graph.output('causes', besides.causes, ['batch', causeNames.length]);
  } else if (servable) {
    graph.output('logVariance', graph.node('Mul', [mos, graph.scalar(0)]), ['batch']);
  }
  return graph.build(metadata);
}

class DistillMosWriter {
  readonly graph = new GraphBuilder('distill-mos');
  readonly #shape: DistillMosShape;
  readonly #weights: ReadonlyMap<string, Float32Array>;
  readonly #operators: OperatorWriter;

  constructor(shape: DistillMosShape, weights: ReadonlyMap<string, Float32Array>, operators: OperatorWriter) {
    this.#shape = shape;
    this.#weights = weights;
    this.#operators = operators;
  }

  said(waveform: Value): { mos: Value; besides?: { logVariance: Value; speech: Value; causes: Value } } {
    const { graph } = this;
    let x = this.#projection(this.#convolutions(this.#compressedSpectrum(waveform)));
    for (const [index, layer] of this.#shape.layers.entries()) x = this.#layer(x, `layer.${index}`, layer);
    const rows = this.#affine(x, 'pooled');
    const pooled = this.#pool(rows);
    const scaled = graph.node('Mul', [graph.node('Sigmoid', [this.#dense('mos', pooled, 1)]), graph.scalar(4)]);
    const perWindow = (value: Value) => graph.node('Reshape', [value, graph.integers([-1])]);
    const mos = perWindow(this.#add(scaled, graph.scalar(1)));
    const { besides } = this.#shape;
    if (!besides) return { mos };
    const hidden = graph.node('Relu', [
      this.#dense('hidden', graph.node('Squeeze', [pooled, graph.integers([1])]), besides.hidden),
    ]);
    const { low, high } = logVarianceRange;
    const spread = graph.node('Mul', [
      graph.node('Sigmoid', [this.#dense('variance', hidden, 1)]),
      graph.scalar(high - low),
    ]);
    const odds = graph.node('Squeeze', [this.#dense('speech', rows, 1), graph.integers([2])]);
    return {
      mos,
      besides: {
        logVariance: perWindow(this.#add(spread, graph.scalar(low))),
        speech: graph.node('Sigmoid', [odds]),
        causes: graph.node('Sigmoid', [this.#dense('causes', hidden, causeNames.length)]),
      },
    };
  }

  /** 1 where a probability is no less than `threshold`, 0 elsewhere. */
  reached(probabilities: Value, threshold: number): Value {
    const { graph } = this;
    const isReached = graph.node('GreaterOrEqual', [probabilities, graph.scalar(threshold)]);
    return graph.node('Where', [isReached, graph.scalar(1), graph.scalar(0)]);
  }

  /** Mean of [batch, steps] over the steps that begin in `waveform`. */
  share(speech: Value, waveform: Value): Value {
    const { graph } = this;
    const samples = this.#samplesOf(waveform);
    const perStep = distillMosSamples / steps;
    const last = graph.node('Div', [
      graph.node('Add', [samples, graph.integers([perStep - 1])]),
      graph.integers([perStep]),
    ]);
    const heard = graph.node('Slice', [speech, graph.integers([0]), last, graph.integers([1])]);
    return graph.node('ReduceMean', [heard, graph.integers([1])], { keepdims: 0 });
  }

  /** Silence at the end of input that is shorter than the network's window. */
  filled(waveform: Value): Value {
    const { graph } = this;
    const samples = this.#samplesOf(waveform);
    const missing = graph.node('Sub', [graph.integers([distillMosSamples]), samples]);
    const pads = graph.node('Concat', [graph.integers([0, 0, 0]), missing], { axis: 0 });
    return graph.node('Pad', [waveform, pads]);
  }

  /** How many samples came in: [1]. */
  #samplesOf(waveform: Value): Value {
    const { graph } = this;
    const places = [[1], [2]].map((place) => graph.integers(place));
    return graph.node('Slice', [graph.node('Shape', [waveform]), ...places]);
  }

  /** Peak-normalised waveform to a complex spectrum with magnitudes to the power of 0.3: [batch, 2, 161, 768]. */
  #compressedSpectrum(waveform: Value): Value {
    const { graph } = this;
    const peak = graph.node('ReduceMax', [graph.node('Abs', [waveform]), graph.integers([1])]);
    const normalised = graph.node('Div', [waveform, this.#add(peak, graph.scalar(1e-8))]);
    const padded = graph.node('Pad', [normalised, graph.integers([0, 80, 0, 80])], { mode: 'reflect' });
    const spectrum = shortTimeFourier(graph, padded, hann(320), 160);
    const power = graph.node('ReduceSum', [graph.node('Mul', [spectrum, spectrum]), graph.integers([1])]);
    const magnitude = graph.node('Max', [graph.node('Sqrt', [power]), graph.scalar(1e-12)]);
    return graph.node('Mul', [spectrum, graph.node('Pow', [magnitude, graph.scalar(-0.7)])]);
  }

  /** [batch, 2, 161, 768] to [batch, 384, features]. */
  #convolutions(spectrum: Value): Value {
    const { graph } = this;
    let x = spectrum;
    let inputs = 2;
    for (const [index, outputs] of this.#shape.channels.entries()) {
      const name = `convolution.${index}`;
      const y = this.#operators.convolve(graph, name, x, {
        ...{ kernel: [3, 3], pads: [0, 1, 0, 1], strides: strides[index] as readonly number[], rectified: false },
        weights: permuted(this.#get(`${name}.kernel`), [3, 3, inputs, outputs], [outputs, inputs, 3, 3], [3, 2, 0, 1]),
        ...{ weightShape: [outputs, inputs, 3, 3], bias: this.#get(`${name}.bias`) },
      });
      x = graph.node('LeakyRelu', [y], { alpha: float(0.1) });
      inputs = outputs;
    }
    const flat = graph.node('Reshape', [x, graph.integers([0, featuresOf(this.#shape), -1])]);
    return graph.node('Transpose', [flat], { perm: [0, 2, 1] });
  }

  /** To `width` values per step, with positions. */
  #projection(sequence: Value): Value {
    const projected = this.#dense('projection', this.#affine(sequence, 'features'), this.#shape.width);
    const positions = this.graph.constant(this.#get('positions'), [1, steps, this.#shape.width]);
    return this.#add(projected, positions);
  }

  /** Self-attention and feed-forward, each followed by addition and layer normalisation. */
  #layer(x: Value, name: string, { heads, units }: DistillMosShape['layers'][number]): Value {
    const { width } = this.#shape;
    const attended = this.#layerNorm(this.#add(x, this.#attention(x, name, heads)), `${name}.attendedNorm`);
    const hidden = this.graph.node('Relu', [this.#dense(`${name}.units`, attended, units)]);
    return this.#layerNorm(this.#add(attended, this.#dense(`${name}.fed`, hidden, width)), `${name}.fedNorm`);
  }

  #attention(x: Value, name: string, heads: number): Value {
    const { graph } = this;
    const { width, headSize } = this.#shape;
    const all = this.#dense(`${name}.attention`, x, 3 * heads * headSize);
    const [query, key, value] = graph.nodes('Split', [all], 3, { axis: 2, num_outputs: 3 }).map((part) => {
      const split = graph.node('Reshape', [part, graph.integers([0, steps, heads, headSize])]);
      return graph.node('Transpose', [split], { perm: [0, 2, 1, 3] });
    }) as [Value, Value, Value];
    const turned = graph.node('Transpose', [key], { perm: [0, 1, 3, 2] });
    const scores = graph.node('Mul', [graph.node('MatMul', [query, turned]), graph.scalar(1 / Math.sqrt(headSize))]);
    const context = graph.node('MatMul', [graph.node('Softmax', [scores], { axis: -1 }), value]);
    const joined = graph.node('Transpose', [context], { perm: [0, 2, 1, 3] });
    const flat = graph.node('Reshape', [joined, graph.integers([0, steps, heads * headSize])]);
    return this.#dense(`${name}.attended`, flat, width);
  }

  /** A weighted mean over time: [batch, 1, width]. */
  #pool(x: Value): Value {
    const { graph } = this;
    const hidden = graph.node('Relu', [this.#dense('pooling.units', x, this.#shape.pooling)]);
    const scores = this.#dense('pooling.score', hidden, 1);
    const weights = graph.node('Softmax', [graph.node('Transpose', [scores], { perm: [0, 2, 1] })], { axis: 2 });
    return graph.node('MatMul', [weights, x]);
  }

  #dense(name: string, x: Value, outputs: number): Value {
    const kernel = this.#get(`${name}.kernel`);
    const product = this.#operators.multiply(this.graph, name, x, kernel, [kernel.length / outputs, outputs]);
    return this.#add(product, this.graph.constant(this.#get(`${name}.bias`), [outputs]));
  }

  #affine(x: Value, name: string): Value {
    const [gain, shift] = [this.#get(`${name}.gain`), this.#get(`${name}.shift`)];
    const scaled = this.graph.node('Mul', [x, this.graph.constant(gain, [gain.length])]);
    return this.#add(scaled, this.graph.constant(shift, [shift.length]));
  }

  #layerNorm(x: Value, name: string): Value {
    const [gain, shift] = ['gain', 'shift'].map((part) =>
      this.graph.constant(this.#get(`${name}.${part}`), [this.#shape.width]),
    ) as [Value, Value];
    return this.graph.node('LayerNormalization', [x, gain, shift], { axis: -1, epsilon: float(1e-5) });
  }

  #add(a: Value, b: Value): Value {
    return this.graph.node('Add', [a, b]);
  }

  #get(name: string): Float32Array {
    const values = this.#weights.get(name);
    if (!values) throw new RangeError(`weights: ${name} is missing`);
    return values;
  }
}
