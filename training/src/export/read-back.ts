import { type ReadGraph, readGraph } from '../onnx/read.ts';
import { TrainingError } from '../run/errors.ts';
import type { GraphFile } from './published.ts';

/**
 * A graph to be read back into a network.
 *
 * @throws {TrainingError} invalid-input when it was written in 8 bits
 */
export function floatGraph(file: GraphFile): ReadGraph {
  const graph = readGraph(file.bytes);
  if (graph.nodes.every(({ operator }) => operator !== 'DequantizeLinear')) return graph;
  throw new TrainingError('invalid-input', `${file.path}: has 8-bit weights, which cannot be trained`);
}

/** Replaces the low-level error of a graph that was not written here. */
export function orForeign<T>(file: GraphFile, network: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw cause instanceof TrainingError ? cause : foreign(file, network, cause);
  }
}

/** @param network - the expected kind of network */
export function foreign({ path }: GraphFile, network: string, cause?: unknown): TrainingError {
  return new TrainingError('invalid-input', `${path}: is not the graph of ${network} as "export" writes it`, { cause });
}
