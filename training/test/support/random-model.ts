import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadNative } from '../../../src/engine/load.ts';
import { type Form, manifestOf } from '../../src/export/manifest.ts';
import { headsGraph, type StudentGraphOptions, trunkGraph, windowedGraph } from '../../src/export/student-graph.ts';
import { studentSchema } from '../../src/learning/configuration.ts';
import type { NetworkConfiguration } from '../../src/student/configuration.ts';
import { initialWeights, parameterCount, type WeightArrays } from '../../src/student/weights.ts';
import { tinyStudent } from './tiny-student.ts';

/** A student of 64 bands that has learnt nothing: what it says depends on what it hears, and means nothing. */
const student = studentSchema.parse({
  ...tinyStudent,
  network: { ...tinyStudent.network, mels: 64 },
  training: { ...tinyStudent.training, windows: {} },
});

const seed = 4;

interface ModelOptions {
  /** Default: those of the student. */
  network?: NetworkConfiguration;
  weights?: WeightArrays;
  /** How graphs are written. Default: in float32. */
  graphs?: () => StudentGraphOptions;
}

/** Writes NAME.json and its networks into a folder and returns the manifest's path. */
export function writeRandomModel(
  folder: string,
  name: string,
  form: Form,
  { network = student.network, weights = randomWeights(network), graphs = () => ({}) }: ModelOptions = {},
): string {
  const write = form === 'windowed' ? windowedGraph : trunkGraph;
  const main = write(network, weights, graphs());
  const heads =
    form === 'windowed' ? undefined : { file: `${name}-heads.onnx`, bytes: headsGraph(network, weights, graphs()) };
  const { features } = loadNative();
  const manifest = manifestOf({
    ...{ student: { ...student, network, description: 'random weights, for tests' }, name, form, features },
    ...{
      version: '0.0.1',
      licence: 'MIT',
      coverage: 0.9,
      stepThreshold: 0.5,
      speechThreshold: 0.1,
      calibrationSet: 'none',
      parameters: parameterCount(network),
      accuracy: [],
    },
    graphs: { file: `${name}.onnx`, bytes: main, ...(heads === undefined ? {} : { heads }) },
    calibration: { method: 'none', n: 1, sigmaScale: 1, coverageUncalibrated: 0.9, coverageMeasured: 0.9 },
    provenance: {
      corpora: ['none'],
      teachers: ['none'],
      seeds: [seed],
      commit: 'none',
      notes: 'random weights',
      made: [],
    },
    cost: { msPerWindow: 0.1, msPerAudioSecond: 0.1, measuredOn: 'nothing' },
  });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, manifest.file), main);
  if (heads !== undefined) writeFileSync(join(folder, heads.file), heads.bytes);
  const path = join(folder, `${name}.json`);
  writeFileSync(path, `${JSON.stringify(manifest, undefined, 2)}\n`);
  return path;
}

function randomWeights(network: NetworkConfiguration): Map<string, Float32Array> {
  const weights = initialWeights(network, seed);
  // Log-mel values lie around -4; most steps shall be taken for speech.
  weights.get('input.mean')?.fill(-4);
  weights.get('input.variance')?.fill(4);
  weights.get('speech.bias')?.fill(1);
  return weights;
}
