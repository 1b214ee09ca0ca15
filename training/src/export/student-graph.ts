import { GraphBuilder, type Value } from '../onnx/graph.ts';
import { FloatOperators, type OperatorWriter } from '../onnx/operators.ts';
import { bandsOf, type Convolution, causeNames, type NetworkConfiguration } from '../student/configuration.ts';
import { deviationEpsilon, logVarianceRange, mosRange } from '../student/constants.ts';
import { FoldedWeights } from '../student/folding.ts';
import type { WeightArrays } from '../student/weights.ts';

/** Names of the graphs' inputs and outputs. */
export const graphNames = {
  frames: 'logmel',
  state: 'state',
  nextState: 'nextState',
  steps: 'steps',
  mos: 'mos',
  logVariance: 'logVariance',
  speech: 'speech',
  causes: 'causes',
} as const;

export interface StudentGraphOptions {
  /** How convolutions are written. Default: in float32. */
  operators?: OperatorWriter;
  metadata?: Readonly<Record<string, string>>;
}

/**
 * The whole network: `logmel` [batch, frames, mels], normalised, frames a multiple of framesPerStep, to `mos` [batch] (1 to
 * 5), `logVariance` [batch], `speech` [batch] (mean probability over the steps), `causes` [batch, causes] (probabilities).
 */
export function windowedGraph(network: NetworkConfiguration, weights: WeightArrays, options: StudentGraphOptions = {}) {
  const writer = new StudentWriter('student', network, weights, options);
  const frames = writer.framesInput();
  const { steps, speech } = writer.trunk(frames);
  const { graph } = writer;
  graph.output(graphNames.speech, graph.node('ReduceMean', [speech, graph.integers([1])], { keepdims: 0 }), ['batch']);
  writer.heads(steps);
  return graph.build(options.metadata);
}

/**
 * The part that is computed once per frame: `logmel` [batch, frames, mels] and `state` [batch, values] to `steps` [batch, steps,
 * width], `speech` [batch, steps] (probabilities) and `nextState`. The state of a new stream is all zero.
 */
export function trunkGraph(network: NetworkConfiguration, weights: WeightArrays, options: StudentGraphOptions = {}) {
  const writer = new StudentWriter('student-trunk', network, weights, options);
  const frames = writer.framesInput();
  const state = new StateReader(writer.graph, stateValues(network));
  const { steps, speech } = writer.trunk(frames, state);
  writer.graph.output(graphNames.steps, steps, ['batch', 'steps', network.width]);
  writer.graph.output(graphNames.speech, speech, ['batch', 'steps']);
  state.finish();
  return writer.graph.build(options.metadata);
}

/** The part that is computed once per score: `steps` [batch, steps, width] to `mos`, `logVariance` and `causes`. */
export function headsGraph(network: NetworkConfiguration, weights: WeightArrays, options: StudentGraphOptions = {}) {
  const writer = new StudentWriter('student-heads', network, weights, options);
  writer.heads(writer.graph.input(graphNames.steps, ['batch', 'steps', network.width]));
  return writer.graph.build(options.metadata);
}

/** Shapes of the trunk's states without the batch axis, in their order in `state`. */
export function stateShapes({ trunk, memory, width, ...network }: NetworkConfiguration): number[][] {
  const bands = bandsOf({ trunk, memory, width, ...network });
  const convolutions = trunk.map(({ kernel, stride }, index) => [
    index === 0 ? 1 : (trunk[index - 1] as Convolution).channels,
    kernel[0] - stride[0],
    bands[index] as number,
  ]);
  const rest =
    memory.kind === 'lstm'
      ? [[width], [width]]
      : memory.dilations.map((dilation) => [width, (memory.kernel - 1) * dilation]);
  return [...convolutions, ...rest].filter((shape) => !shape.includes(0));
}

/** Values of the state of one stream. */
export function stateValues(network: NetworkConfiguration): number {
  return stateShapes(network).reduce((sum, shape) => sum + shape.reduce((product, size) => product * size, 1), 0);
}

/** Splits the flat state into its parts in order, and joins the new ones. */
class StateReader {
  readonly #graph: GraphBuilder;
  readonly #state: Value;
  readonly #size: number;
  readonly #next: Value[] = [];
  #offset = 0;

  constructor(graph: GraphBuilder, size: number) {
    this.#graph = graph;
    this.#size = size;
    this.#state = graph.input(graphNames.state, ['batch', size]);
  }

  take(shape: readonly number[]): Value {
    const graph = this.#graph;
    const size = shape.reduce((product, length) => product * length, 1);
    const range = [[this.#offset], [this.#offset + size], [1]].map((values) => graph.integers(values));
    this.#offset += size;
    return graph.node('Reshape', [graph.node('Slice', [this.#state, ...range]), graph.integers([-1, ...shape])]);
  }

  put(value: Value): void {
    this.#next.push(this.#graph.node('Flatten', [value], { axis: 1 }));
  }

  finish(): void {
    if (this.#offset !== this.#size) throw new RangeError(`state: ${this.#offset} of ${this.#size} values are used`);
    this.#graph.output(graphNames.nextState, this.#graph.node('Concat', this.#next, { axis: 1 }), [
      'batch',
      this.#size,
    ]);
  }
}

class StudentWriter {
  readonly graph: GraphBuilder;
  readonly #network: NetworkConfiguration;
  readonly #weights: FoldedWeights;
  readonly #operators: OperatorWriter;

  constructor(
    name: string,
    network: NetworkConfiguration,
    weights: WeightArrays,
    { operators = new FloatOperators() }: StudentGraphOptions,
  ) {
    this.graph = new GraphBuilder(name);
    this.#network = network;
    this.#weights = new FoldedWeights(weights);
    this.#operators = operators;
  }

  framesInput(): Value {
    return this.graph.input(graphNames.frames, ['batch', 'frames', this.#network.mels]);
  }

  trunk(frames: Value, state?: StateReader): { steps: Value; speech: Value } {
    const { graph } = this;
    const { mels, trunk, width, memory } = this.#network;
    const bands = bandsOf(this.#network);
    const { scale, offset } = this.#weights.affine('input');
    const scaled = graph.node('Mul', [frames, graph.constant(scale, [mels])]);
    const normalised = graph.node('Add', [scaled, graph.constant(offset, [mels])]);
    let x = graph.node('Unsqueeze', [normalised, graph.integers([1])]); // [batch, 1, frames, mels]
    let channels = 1;
    for (const [index, layer] of trunk.entries()) {
      x = this.#convolve(`trunk.${index}`, x, layer, channels, bands[index] as number, state);
      channels = layer.channels;
    }
    const last = bands.at(-1) as number;
    const embedding = this.#weights.affine('embedding');
    const kernel = this.#weights.embedding(last, channels, width, embedding.scale);
    const shape = {
      kernel: [1, last],
      weights: kernel,
      weightShape: [width, channels, 1, last],
      bias: embedding.offset,
    };
    const embedded = this.#operators.convolve(graph, 'embedding', x, { ...shape, rectified: true });
    const sequence = graph.node('Squeeze', [embedded, graph.integers([3])]); // [batch, width, steps]
    const steps = memory.kind === 'lstm' ? this.#lstm(sequence, state) : this.#delays(sequence, memory, state);
    const odds = this.#dense('speech', steps, 1);
    const speech = graph.node('Squeeze', [graph.node('Sigmoid', [odds]), graph.integers([2])]);
    return { steps, speech };
  }

  heads(steps: Value): void {
    const { graph } = this;
    const { pooling, width, hidden } = this.#network;
    const attention = graph.constant(this.#weights.get('attention.kernel'), [width, pooling.heads]);
    const logits = graph.node('Transpose', [graph.node('MatMul', [steps, attention])], { perm: [0, 2, 1] });
    const weights = graph.node('Softmax', [logits], { axis: -1 }); // [batch, heads, steps]
    const mean = graph.node('MatMul', [weights, steps]); // [batch, heads, width]
    let pooled = mean;
    if (pooling.deviation) {
      const square = graph.node('MatMul', [weights, graph.node('Mul', [steps, steps])]);
      const variance = graph.node('Relu', [graph.node('Sub', [square, graph.node('Mul', [mean, mean])])]);
      const deviation = graph.node('Sqrt', [graph.node('Add', [variance, graph.scalar(deviationEpsilon)])]);
      pooled = graph.node('Concat', [mean, deviation], { axis: 2 });
    }
    const flat = graph.node('Flatten', [pooled], { axis: 1 });
    const units = graph.node('Relu', [this.#dense('hidden', flat, hidden)]);
    const perWindow = (value: Value) => graph.node('Squeeze', [value, graph.integers([1])]);
    const clipped = graph.node('Clip', [
      perWindow(this.#dense('mos', units, 1)),
      ...[mosRange.low, mosRange.high].map((limit) => graph.scalar(limit)),
    ]);
    graph.output(graphNames.mos, clipped, ['batch']);
    const { low, high } = logVarianceRange;
    const squeezed = graph.node('Sigmoid', [perWindow(this.#dense('variance', units, 1))]);
    const spread = graph.node('Mul', [squeezed, graph.scalar(high - low)]);
    graph.output(graphNames.logVariance, graph.node('Add', [spread, graph.scalar(low)]), ['batch']);
    const causes = graph.node('Sigmoid', [this.#dense('causes', units, causeNames.length)]);
    graph.output(graphNames.causes, causes, ['batch', causeNames.length]);
  }

  /** A layer of the trunk: x [batch, channels, time, bands]. */
  #convolve(name: string, x: Value, layer: Convolution, channels: number, bands: number, state?: StateReader): Value {
    const { graph } = this;
    const { kernel, stride, separable, channels: outputs } = layer;
    const context = kernel[0] - stride[0];
    const half = Math.floor(kernel[1] / 2);
    const input = this.#joined(x, [channels, context, bands], 2, state);
    const pads = [state ? 0 : context, half, 0, half];
    const { scale, offset } = this.#weights.affine(name);
    const weights = this.#weights;
    if (!separable) {
      const values = weights.convolution(`${name}.kernel`, [...kernel, channels, outputs], scale);
      const weightShape = [outputs, channels, ...kernel];
      const options = { kernel, weights: values, weightShape, bias: offset, rectified: true, strides: stride, pads };
      return this.#operators.convolve(graph, name, input, options);
    }
    const depthwise = this.#operators.convolve(graph, `${name}.depthwise`, input, {
      ...{ kernel, strides: stride, pads, group: channels, rectified: false },
      ...{
        weights: weights.depthwise(`${name}.depthwise`, [...kernel, channels]),
        weightShape: [channels, 1, ...kernel],
      },
    });
    return this.#operators.convolve(graph, `${name}.pointwise`, depthwise, {
      ...{ kernel: [1, 1], bias: offset, rectified: true },
      weights: weights.convolution(`${name}.pointwise`, [1, 1, channels, outputs], scale),
      weightShape: [outputs, channels, 1, 1],
    });
  }

  /** x with its left context along an axis, in streaming form; its end is the context of the next piece. */
  #joined(x: Value, shape: readonly number[], axis: number, state?: StateReader): Value {
    const count = shape[axis - 1] as number;
    if (!state || count === 0) return x;
    const { graph } = this;
    const joined = graph.node('Concat', [state.take(shape), x], { axis });
    const end = graph.integers([2 ** 31]);
    state.put(graph.node('Slice', [joined, graph.integers([-count]), end, graph.integers([axis])]));
    return joined;
  }

  /** [batch, width, steps] to [batch, steps, width]. */
  #lstm(sequence: Value, state?: StateReader): Value {
    const { graph } = this;
    const { width } = this.#network;
    const { input, recurrent, bias } = this.#weights.lstm(width);
    const steps = graph.node('Transpose', [sequence], { perm: [2, 0, 1] }); // [steps, batch, width]
    const initial = (value: Value) => graph.node('Unsqueeze', [value, graph.integers([0])]);
    const before = state ? [initial(state.take([width])), initial(state.take([width]))] : undefined;
    const [cell, output] = before ?? [];
    const [outputs, lastOutput, lastCell] = graph.nodes(
      'LSTM',
      [
        steps,
        graph.constant(input, [1, 4 * width, width]),
        graph.constant(recurrent, [1, 4 * width, width]),
        graph.constant(bias, [1, 8 * width]),
        ...(output && cell ? (['', output, cell] as const) : []),
      ],
      3,
      { hidden_size: width },
    ) as [Value, Value, Value];
    for (const last of [lastCell, lastOutput]) state?.put(graph.node('Squeeze', [last, graph.integers([0])]));
    const sum = graph.node('Add', [steps, graph.node('Squeeze', [outputs, graph.integers([1])])]);
    return graph.node('Transpose', [sum], { perm: [1, 0, 2] });
  }

  /** [batch, width, steps] to [batch, steps, width]. */
  #delays(sequence: Value, memory: { kernel: number; dilations: readonly number[] }, state?: StateReader): Value {
    const { graph } = this;
    const { width } = this.#network;
    let x = sequence;
    for (const [index, dilation] of memory.dilations.entries()) {
      const name = `delay.${index}`;
      const context = (memory.kernel - 1) * dilation;
      const { scale, offset } = this.#weights.affine(name);
      const seen = this.#operators.convolve(graph, name, this.#joined(x, [width, context], 2, state), {
        ...{ kernel: [memory.kernel], dilations: [dilation], pads: [state ? 0 : context, 0], rectified: true },
        weights: this.#weights.delay(`${name}.kernel`, memory.kernel, width, scale),
        ...{ weightShape: [width, width, memory.kernel], bias: offset },
      });
      x = graph.node('Add', [x, seen]);
    }
    return graph.node('Transpose', [x], { perm: [0, 2, 1] });
  }

  #dense(name: string, x: Value, outputs: number): Value {
    const { graph } = this;
    const kernel = this.#weights.get(`${name}.kernel`);
    const product = graph.node('MatMul', [x, graph.constant(kernel, [kernel.length / outputs, outputs])]);
    return graph.node('Add', [product, graph.constant(this.#weights.get(`${name}.bias`), [outputs])]);
  }
}
