import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  TensorProto_DataType,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf';

/** A network in two parts, each the bytes of an .onnx file: the second takes the outputs of the first, and the late input. */
export interface SplitGraph {
  before: Uint8Array;
  after: Uint8Array;
}

/**
 * Splits a network into the part that does not depend on one of its inputs and the part that does, so that the first need not be computed again
 * when only that input changes. Values passed from one to the other must be float32.
 *
 * @param late - name of the input
 * @throws {RangeError} no such input; or all depends on it, or nothing
 */
export function splitGraph(bytes: Uint8Array, late: string): SplitGraph {
  const model = fromBinary(ModelProtoSchema, bytes);
  const graph = model.graph as GraphProto;
  const given = graph.input.find(({ name }) => name === late);
  if (!given) throw new RangeError(`the network has no input "${late}"`);
  const dependent = dependentValues(graph.node, late);
  const constants = graph.node.filter(({ opType }) => opType === 'Constant');
  const [after, before] = [graph.node.filter(isAfter), graph.node.filter((node) => !isAfter(node))];
  const computed = new Set(before.filter((node) => !constants.includes(node)).flatMap(({ output }) => output));
  const passed = [...new Set(after.flatMap(({ input }) => input))].filter((name) => computed.has(name)).map(floatValue);
  if (passed.length === 0) throw new RangeError(`the network cannot be split at its input "${late}"`);
  const part = (node: NodeProto[], input: ValueInfoProto[], output: ValueInfoProto[]) => {
    const used = new Set(node.flatMap((each) => each.input));
    const initializer = graph.initializer.filter(({ name }) => used.has(name));
    const inputs = input.filter(({ name }) => used.has(name));
    const smaller = create(GraphProtoSchema, { name: graph.name, node, input: inputs, output, initializer });
    return toBinary(ModelProtoSchema, create(ModelProtoSchema, { ...model, graph: smaller }));
  };
  return {
    before: part(before, graph.input, passed),
    after: part([...constants, ...after], [...passed, ...graph.input], graph.output),
  };

  function isAfter({ input }: NodeProto): boolean {
    return input.some((name) => dependent.has(name));
  }
}

/** A value and all that is computed from it; nodes of a graph stand in the order in which they are computed. */
function dependentValues(nodes: readonly NodeProto[], name: string): Set<string> {
  const dependent = new Set([name]);
  for (const { input, output } of nodes) {
    if (input.some((each) => dependent.has(each))) for (const each of output) dependent.add(each);
  }
  return dependent;
}

function floatValue(name: string): ValueInfoProto {
  const value = create(TypeProto_TensorSchema, { elemType: TensorProto_DataType.FLOAT });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value } }),
  });
}
