import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** ONNX networks of a few nodes, for tests of what a model may look like: the messages of onnx.proto, written by hand. */

type Field = [number: number, value: number | string | Uint8Array];

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(Math.floor(value / 128))];
}

function message(...fields: Field[]): Uint8Array {
  const bytes = fields.flatMap(([number, value]) => {
    if (typeof value === 'number') return [...varint(number << 3), ...varint(value)];
    const data = typeof value === 'string' ? Buffer.from(value) : value;
    return [...varint((number << 3) | 2), ...varint(data.length), ...data];
  });
  return Uint8Array.from(bytes);
}

/** Sizes, or names of sizes that are not fixed. */
type Shape = readonly (number | string)[];

function valueInfo(name: string, shape: Shape): Uint8Array {
  const float32 = 1;
  const dimensions = shape.map(
    (size): Field => [1, typeof size === 'number' ? message([1, size]) : message([2, size])],
  );
  return message([1, name], [2, message([1, message([1, float32], [2, message(...dimensions)])])]);
}

interface Node {
  op: string;
  inputs: string[];
  output: string;
  /** Integers by name; a list is an attribute of integers. */
  attributes?: Record<string, number | number[]>;
}

function node({ op, inputs, output, attributes = {} }: Node): Uint8Array {
  const [typeInt, typeInts] = [2, 7];
  const encoded = Object.entries(attributes).map(([name, value]): Field => {
    if (typeof value === 'number') return [5, message([1, name], [3, value], [20, typeInt])];
    return [5, message([1, name], ...value.map((each): Field => [8, each]), [20, typeInts])];
  });
  return message(...inputs.map((name): Field => [1, name]), [2, output], [4, op], ...encoded);
}

export interface TinyNetwork {
  input: [name: string, shape: Shape];
  /** Outputs and their shapes as the file states them. */
  outputs: [name: string, shape: Shape][];
  nodes: Node[];
}

function encode({ input, outputs, nodes }: TinyNetwork): Uint8Array {
  const graph = message(
    ...nodes.map((each): Field => [1, node(each)]),
    [2, 'tiny'],
    [11, valueInfo(...input)],
    ...outputs.map((each): Field => [12, valueInfo(...each)]),
  );
  return message([1, 8], [7, graph], [8, message([1, ''], [2, 13])]);
}

/** Writes NAME.onnx and NAME.json into a folder and returns the manifest's path. `manifest` gets the name, file and hash. */
export function writeModel(folder: string, name: string, network: TinyNetwork, manifest: object): string {
  const onnx = encode(network);
  writeFileSync(join(folder, `${name}.onnx`), onnx);
  const sha256 = createHash('sha256').update(onnx).digest('hex');
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify({ ...manifest, name, file: `${name}.onnx`, sha256 }));
  return path;
}

/** What a manifest has to say beside its name, file, hash, input and outputs. */
export const restOfManifest = {
  version: '0.0.1',
  description: 'a few nodes for tests',
  licence: 'MIT',
  form: 'windowed',
  scale: { quantity: 'MOS-LQO', min: 1, max: 5 },
  interval: {
    coverage: 0.8,
    sigmaScale: 2,
    calibration: { method: 'none', set: 'none', n: 1, coverageUncalibrated: 0.5, coverageMeasured: 0.8 },
  },
  provenance: { corpora: ['none'], teachers: ['none'] },
  accuracy: [],
  cost: { parameters: 1, msPerWindow: 0.1, measuredOn: 'nothing' },
};

/**
 * Log-mel input of another length and with every output: MOS is the negated mean of all values, the variance its square, and
 * quiet sound is speech.
 */
export const everyOutput: TinyNetwork = {
  input: ['features', ['n', 'time', 64]],
  outputs: [
    ['quality', ['n', 1]],
    ['spread', ['n']],
    ['speaking', ['n']],
    ['faults', ['n', 2]],
  ],
  nodes: [
    { op: 'ReduceMean', inputs: ['features'], output: 'mean', attributes: { axes: [1, 2], keepdims: 0 } },
    { op: 'ReduceMean', inputs: ['features'], output: 'kept', attributes: { axes: [1, 2], keepdims: 1 } },
    { op: 'Flatten', inputs: ['kept'], output: 'column', attributes: { axis: 1 } },
    { op: 'Neg', inputs: ['column'], output: 'quality' },
    { op: 'Mul', inputs: ['mean', 'mean'], output: 'spread' },
    { op: 'Neg', inputs: ['mean'], output: 'quiet' },
    { op: 'Sigmoid', inputs: ['quiet'], output: 'speaking' },
    { op: 'Sigmoid', inputs: ['column'], output: 'few' },
    { op: 'Concat', inputs: ['few', 'few'], output: 'faults', attributes: { axis: 1 } },
  ],
};

export const everyOutputManifest = {
  ...restOfManifest,
  input: {
    kind: 'logmel',
    name: 'features',
    sampleRateHz: 16000,
    fftSize: 512,
    windowSize: 400,
    hopSize: 160,
    mels: 64,
    lowHz: 20,
    highHz: 8000,
    powerFloor: 1e-14,
    normalisation: 'none',
    floorLog10: -10,
    frames: { min: 200, max: 500, multipleOf: 5 },
  },
  outputs: {
    mos: 'quality',
    variance: 'spread',
    speech: { name: 'speaking', threshold: 0.01 },
    causes: { name: 'faults', order: ['noise', 'codec'] },
  },
};

/** A waveform of a fixed length; MOS is the mean of its squares, log variance the same. */
export const waveform: TinyNetwork = {
  input: ['audio', ['n', 48_000]],
  outputs: [
    ['power', ['n']],
    ['logPower', ['n']],
  ],
  nodes: [
    { op: 'Mul', inputs: ['audio', 'audio'], output: 'squares' },
    { op: 'ReduceMean', inputs: ['squares'], output: 'power', attributes: { axes: [1], keepdims: 0 } },
    { op: 'ReduceMean', inputs: ['squares'], output: 'logPower', attributes: { axes: [1], keepdims: 0 } },
  ],
};

export const waveformManifest = {
  ...restOfManifest,
  input: {
    kind: 'waveform',
    name: 'audio',
    sampleRateHz: 16000,
    normalisation: 'peak',
    samples: { min: 48_000, max: 48_000, multipleOf: 48_000 },
  },
  outputs: { mos: 'power', logVariance: 'logPower' },
};
