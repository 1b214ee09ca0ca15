import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, GraphProtoSchema, ModelProtoSchema, TensorProto_DataType } from 'onnx-buf';
import type { Shaped } from './session.ts';

/** A node as it lies in a file. */
export interface ReadNode {
  operator: string;
  inputs: readonly string[];
  outputs: readonly string[];
  /** Attributes that are whole numbers, one or several. */
  numbers: ReadonlyMap<string, readonly number[]>;
}

export interface ReadGraph {
  /** In the order in which they are computed. */
  nodes: readonly ReadNode[];
  /** The float32 constants by name. */
  weights: ReadonlyMap<string, Shaped>;
}

/** Reads a graph of GraphBuilder. */
export function readGraph(bytes: Uint8Array): ReadGraph {
  const { graph } = fromBinary(ModelProtoSchema, bytes);
  const nodes = (graph?.node ?? []).map(({ opType, input, output, attribute }) => ({
    ...{ operator: opType, inputs: input, outputs: output },
    numbers: new Map(
      attribute.map(({ name, type, i, ints }): [string, number[]] => [
        name,
        (type === AttributeProto_AttributeType.INT ? [i] : ints).map(Number),
      ]),
    ),
  }));
  const constants = (graph?.initializer ?? []).filter(({ dataType }) => dataType === TensorProto_DataType.FLOAT);
  const weights = constants.map(({ name, dims, rawData }): [string, Shaped] => [
    name,
    { values: new Float32Array(Uint8Array.from(rawData).buffer), shape: dims.map(Number) },
  ]);
  return { nodes, weights: new Map(weights) };
}

/** The nodes of an operator, in the order in which they are computed. */
export function nodesOf({ nodes }: ReadGraph, operator: string): ReadNode[] {
  return nodes.filter((node) => node.operator === operator);
}

/** The weights of a node with one other input. */
export function constantOf({ weights }: ReadGraph, node: ReadNode | undefined): Shaped | undefined {
  return weights.get(node?.inputs[1] ?? '');
}

/** Whether two files hold the same graph, bit for bit; metadata, such as the version, is ignored. */
export function isSameGraph(a: Uint8Array, b: Uint8Array): boolean {
  const [one, other] = [a, b].map((bytes) => {
    const { graph } = fromBinary(ModelProtoSchema, bytes);
    return graph ? toBinary(GraphProtoSchema, graph) : new Uint8Array();
  }) as [Uint8Array, Uint8Array];
  return Buffer.from(one).equals(other);
}
