import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';

/** Opset of all graphs: each operator is used as this version defines it. */
export const opset = 20;
/** File format version that goes with it (ONNX 1.15). */
const irVersion = 9n;

/** Name of a value in a graph. */
export type Value = string & { readonly valueBrand: unique symbol };

/** A dimension: a number, or a name for one that is only known when the graph runs. */
export type Dimension = number | string;

/** Attributes of a node: whole numbers become INT, `float()` FLOAT, arrays INTS, text STRING. */
export type Attribute = number | string | readonly number[] | { float: number };

export const float = (value: number) => ({ float: value });

/** Builds an ONNX graph node by node; shapes are the author's to know. */
export class GraphBuilder {
  readonly #name: string;
  readonly #inputs: ReturnType<typeof valueInfo>[] = [];
  readonly #outputs: ReturnType<typeof valueInfo>[] = [];
  readonly #nodes: ReturnType<typeof nodeProto>[] = [];
  readonly #constants: ReturnType<typeof floatTensor>[] = [];
  #count = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** A float32 input. */
  input(name: string, shape: readonly Dimension[]): Value {
    this.#inputs.push(valueInfo(name, shape));
    return name as Value;
  }

  /** Weights. */
  constant(values: Float32Array, shape: readonly number[], name = `constant_${this.#count++}`): Value {
    const count = shape.reduce((product, size) => product * size, 1);
    if (count !== values.length)
      throw new RangeError(`${name}: shape [${shape}] has ${count} values, got ${values.length}`);
    this.#constants.push(floatTensor(name, values, shape));
    return name as Value;
  }

  scalar(value: number): Value {
    return this.constant(Float32Array.of(value), []);
  }

  /** Whole numbers, as shapes and axes are given. */
  integers(values: readonly number[]): Value {
    const name = `constant_${this.#count++}`;
    this.#constants.push(integerTensor(name, values));
    return name as Value;
  }

  /** Quantised values. */
  quantised(values: Int8Array | Uint8Array | Int32Array, shape: readonly number[]): Value {
    const name = `constant_${this.#count++}`;
    this.#constants.push(quantisedTensor(name, values, shape));
    return name as Value;
  }

  /** Adds a node with one output. */
  node(operator: string, inputs: readonly (Value | '')[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
    return this.nodes(operator, inputs, 1, attributes)[0] as Value;
  }

  /** Adds a node with several outputs. */
  nodes(
    operator: string,
    inputs: readonly (Value | '')[],
    outputs: number,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Value[] {
    const names = Array.from({ length: outputs }, () => `${operator}_${this.#count++}` as Value);
    this.#nodes.push(nodeProto(operator, inputs, names, attributes));
    return names;
  }

  /** Gives a value the name under which the graph returns it. */
  output(name: string, value: Value, shape: readonly Dimension[]): void {
    this.#nodes.push(nodeProto('Identity', [value], [name], {}));
    this.#outputs.push(valueInfo(name, shape));
  }

  /** The model as bytes of an .onnx file. */
  build(metadata: Readonly<Record<string, string>> = {}): Uint8Array {
    const model = create(ModelProtoSchema, {
      irVersion,
      producerName: 'mediasoup-mos-training',
      opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(opset) })],
      metadataProps: Object.entries(metadata).map(([key, value]) =>
        create(StringStringEntryProtoSchema, { key, value }),
      ),
      graph: create(GraphProtoSchema, {
        name: this.#name,
        input: this.#inputs,
        output: this.#outputs,
        node: this.#nodes,
        initializer: this.#constants,
      }),
    });
    return toBinary(ModelProtoSchema, model);
  }
}

function valueInfo(name: string, shape: readonly Dimension[]) {
  const dim = shape.map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value: typeof size === 'number' ? { case: 'dimValue', value: BigInt(size) } : { case: 'dimParam', value: size },
    }),
  );
  const tensor = create(TypeProto_TensorSchema, {
    elemType: DataType.FLOAT,
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } }),
  });
}

function nodeProto(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, Attribute>>,
) {
  const attribute = Object.entries(attributes).map(([name, value]) => attributeProto(name, value));
  return create(NodeProtoSchema, {
    opType,
    name: `${output[0]}_node`,
    input: [...input],
    output: [...output],
    attribute,
  });
}

function attributeProto(name: string, value: Attribute) {
  if (typeof value === 'number')
    return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) });
  if (typeof value === 'string') {
    return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) });
  }
  if ('float' in value) return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value.float });
  return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: value.map(BigInt) });
}

function floatTensor(name: string, values: Float32Array, shape: readonly number[]) {
  const rawData = new Uint8Array(values.slice().buffer);
  return create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType: DataType.FLOAT, rawData });
}

function integerTensor(name: string, values: readonly number[]) {
  const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return create(TensorProtoSchema, { name, dims: [BigInt(values.length)], dataType: DataType.INT64, rawData });
}

function quantisedTensor(name: string, values: Int8Array | Uint8Array | Int32Array, shape: readonly number[]) {
  const { INT8, UINT8, INT32 } = DataType;
  const dataType = values instanceof Int8Array ? INT8 : values instanceof Uint8Array ? UINT8 : INT32;
  const rawData = new Uint8Array(values.slice().buffer);
  return create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType, rawData });
}
