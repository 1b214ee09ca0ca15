import { distillMosGraph } from '../distill-mos/graph.ts';
import { type DistillMosShape, distillMosSpecs, publishedShape, strides } from '../distill-mos/shape.ts';
import { constantOf, isSameGraph, nodesOf, type ReadGraph, readGraph } from '../onnx/read.ts';
import type { Shaped } from '../onnx/session.ts';
import { sizeOf } from '../student/weights.ts';
import { type GraphFile, readGraphFile, readPublished } from './published.ts';
import { floatGraph, foreign, orForeign } from './read-back.ts';
import { unfoldedConvolution } from './unfolding.ts';

/** Name of the network in messages. */
const network = 'a network made from Distill-MOS';
/** Marker values for arrays: larger than any constant of a graph other than its weights. */
const firstNumber = 1000;

/** Whether the input of an exported model is a waveform, as with networks made from Distill-MOS. */
export function isPublishedDistillMos(path: string): boolean {
  return readPublished(path).input.kind === 'waveform';
}

/**
 * The network of a model that was made from Distill-MOS and exported in float numbers, by the path of its manifest.
 *
 * @throws {TrainingError} invalid-input, naming the file, when it is no such model
 */
export function restoredDistillMos(path: string): { shape: DistillMosShape; weights: Map<string, Float32Array> } {
  const file = readGraphFile(path, readPublished(path));
  return orForeign(file, network, () => restored(file));
}

function restored(file: GraphFile): { shape: DistillMosShape; weights: Map<string, Float32Array> } {
  const graph = floatGraph(file);
  const shape = shapeOf(graph);
  const specs = distillMosSpecs(shape);
  // Constants have no telling names: each array of a network of this shape is filled with its own marker value.
  const numbered = new Map(
    specs.map(({ name, shape: sizes }, index) => [name, new Float32Array(sizeOf(sizes)).fill(firstNumber + index)]),
  );
  const stepThreshold = constantOf(graph, nodesOf(graph, 'GreaterOrEqual')[0])?.values[0];
  const options = { servable: true, stepThreshold };
  const weights = new Map<string, Float32Array>();
  for (const [constant, { values }] of readGraph(distillMosGraph(shape, numbered, options)).weights) {
    const spec = specs[(values[0] as number) - firstNumber];
    if (spec) weights.set(spec.name, arrayOf(graph.weights.get(constant) as Shaped));
  }
  // Round trip: writing the result again must give the same graph.
  if (!isSameGraph(distillMosGraph(shape, weights, options), file.bytes)) throw foreign(file, network);
  return { shape, weights };
}

/** Sizes from the shapes of the weights, in the order in which `distillMosGraph` uses them. */
function shapeOf(graph: ReadGraph): DistillMosShape {
  const constants = (operator: string) => nodesOf(graph, operator).flatMap((node) => constantOf(graph, node) ?? []);
  const convolutions = constants('Conv').slice(-strides.length);
  const outputs = constants('MatMul').map(({ shape }) => shape[1] as number);
  const layers = constants('LayerNormalization').length / 2;
  // The odds of attention are divided by the root of it.
  const odds = nodesOf(graph, 'Softmax')[0]?.inputs[0];
  const scaled = graph.nodes.find(({ outputs }) => outputs[0] === odds);
  const scale = constantOf(graph, scaled)?.values[0] as number;
  const headSize = layers === 0 ? publishedShape.headSize : Math.round(scale ** -2);
  const [width, ...further] = outputs as [number, ...number[]];
  const [pooling, , , hidden] = further.slice(4 * layers) as [number, number, number, number?];
  return {
    channels: convolutions.map(({ shape }) => shape[0] as number),
    ...{ width, headSize, pooling },
    layers: Array.from({ length: layers }, (_, layer) => ({
      heads: (further[4 * layer] as number) / (3 * headSize),
      units: further[4 * layer + 2] as number,
    })),
    ...(hidden === undefined ? {} : { besides: { hidden } }),
  };
}

/** In the layout of training; only kernels of convolutions have another in a graph. */
function arrayOf({ values, shape }: Shaped): Float32Array {
  return shape.length === 4 ? unfoldedConvolution(values, shape) : values;
}
