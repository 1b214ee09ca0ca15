import { constantOf, nodesOf, type ReadGraph, type ReadNode } from '../onnx/read.ts';
import type { Shaped } from '../onnx/session.ts';
import type { Convolution, NetworkConfiguration } from '../student/configuration.ts';
import { unfoldedConvolution, unfoldedLstm, unfoldedNormalisation } from './unfolding.ts';

/** A part of a network, and its arrays by name. */
export interface ReadPart<Shape> {
  shape: Shape;
  weights: [string, Float32Array][];
}

/**
 * Reads a graph of `trunkGraph`. Nodes and constants have no telling names: each is identified by its
 * place there.
 *
 * @throws whatever comes of a graph that was written by something else
 */
export function readTrunk(
  graph: ReadGraph,
): ReadPart<Pick<NetworkConfiguration, 'mels' | 'trunk' | 'width' | 'memory'>> {
  const [scale, offset] = ['Mul', 'Add'].map((operator) => constantOf(graph, nodesOf(graph, operator)[0])?.values) as [
    Float32Array,
    Float32Array,
  ];
  const convolutions = nodesOf(graph, 'Conv').map((node) => readConvolution(graph, node));
  const planes = convolutions.filter(({ filters }) => filters.shape.length === 4);
  const delays = convolutions.filter(({ filters }) => filters.shape.length === 3);
  const embedding = planes.pop() as ReadConvolution;
  const { trunk, weights } = readLayers(planes);
  const { memory, weights: remembered } = delays.length === 0 ? readLstm(graph) : readDelays(delays);
  return {
    shape: { mels: scale.length, trunk, width: embedding.filters.shape[0] as number, memory },
    weights: [
      ...unfoldedNormalisation('input', { scale, offset }),
      ...weights,
      ...normalised('embedding', embedding),
      ...remembered,
      ...readDense(graph, ['speech']),
    ],
  };
}

/** Reads a graph of `headsGraph`, as the trunk is read. */
export function readHeads(graph: ReadGraph): ReadPart<Pick<NetworkConfiguration, 'pooling' | 'hidden'>> {
  const [pooled, ...layers] = nodesOf(graph, 'MatMul').flatMap((node) => constantOf(graph, node) ?? []);
  const [width, heads] = (pooled as Shaped).shape as [number, number];
  const [inputs, hidden] = (layers[0] as Shaped).shape as [number, number];
  return {
    shape: { pooling: { heads, deviation: inputs === 2 * heads * width }, hidden },
    weights: [
      ['attention.kernel', (pooled as Shaped).values],
      ...readDense(graph, ['hidden', 'mos', 'variance', 'causes']),
    ],
  };
}

interface ReadConvolution {
  filters: Shaped;
  /** Absent of a depthwise one, which another follows. */
  bias: Float32Array | undefined;
  numbers: ReadNode['numbers'];
}

function readConvolution(graph: ReadGraph, node: ReadNode): ReadConvolution {
  const bias = graph.weights.get(node.inputs[2] ?? '')?.values;
  return { filters: constantOf(graph, node) as Shaped, bias, numbers: node.numbers };
}

/** The layers between the input and the embedding. */
function readLayers(convolutions: readonly ReadConvolution[]) {
  const trunk: Convolution[] = [];
  const weights: [string, Float32Array][] = [];
  let depthwise: ReadConvolution | undefined;
  for (const convolution of convolutions) {
    if (!convolution.bias) {
      depthwise = convolution;
      continue;
    }
    const name = `trunk.${trunk.length}`;
    const { numbers } = depthwise ?? convolution;
    const [kernel, stride] = ['kernel_shape', 'strides'].map((key) => numbers.get(key)) as [number[], number[]];
    trunk.push({
      channels: convolution.bias.length,
      ...{ kernel: kernel as [number, number], stride: stride as [number, number], separable: depthwise !== undefined },
    });
    if (depthwise) weights.push([`${name}.depthwise`, unfolded(depthwise)]);
    weights.push(...normalised(name, convolution, depthwise ? 'pointwise' : 'kernel'));
    depthwise = undefined;
  }
  return { trunk, weights };
}

function readLstm(graph: ReadGraph) {
  const [node] = nodesOf(graph, 'LSTM');
  const [input, recurrent, bias] = [1, 2, 3].map((place) => graph.weights.get(node?.inputs[place] ?? '')?.values) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const unfolded = unfoldedLstm(bias.length / 8, { input, recurrent, bias });
  const weights: [string, Float32Array][] = [
    ['lstm.kernel', unfolded.kernel],
    ['lstm.bias', unfolded.bias],
  ];
  return { memory: { kind: 'lstm' } as const, weights };
}

function readDelays(layers: readonly ReadConvolution[]) {
  const kernel = layers[0]?.filters.shape[2] as number;
  const dilations = layers.map(({ numbers }) => numbers.get('dilations')?.[0] as number);
  const weights = layers.flatMap((layer, index) => normalised(`delay.${index}`, layer));
  return { memory: { kind: 'time-delay', kernel, dilations } as const, weights };
}

/** The last products with weights, one for each name, each with its bias. */
function readDense(graph: ReadGraph, names: readonly string[]): [string, Float32Array][] {
  const products = nodesOf(graph, 'MatMul').filter((node) => constantOf(graph, node));
  return products.slice(-names.length).flatMap((product, index): [string, Float32Array][] => {
    const sum = nodesOf(graph, 'Add').find(({ inputs }) => inputs[0] === product.outputs[0]);
    const [kernel, bias] = [product, sum].map((node) => constantOf(graph, node)?.values) as [
      Float32Array,
      Float32Array,
    ];
    return [
      [`${names[index]}.kernel`, kernel],
      [`${names[index]}.bias`, bias],
    ];
  });
}

function unfolded({ filters }: ReadConvolution): Float32Array {
  return unfoldedConvolution(filters.values, filters.shape);
}

/** A convolution that normalisation was folded into: the scale is in its kernel, the offset its bias. */
function normalised(name: string, convolution: ReadConvolution, part = 'kernel'): [string, Float32Array][] {
  const offset = convolution.bias as Float32Array;
  const scale = new Float32Array(offset.length).fill(1);
  return [[`${name}.${part}`, unfolded(convolution)], ...unfoldedNormalisation(name, { scale, offset })];
}
