import { loadNative } from '../../../src/engine/load.ts';
import type { ModelManifest } from '../../../src/model/manifest.ts';
import { type StudentConfiguration, trainingSchema } from '../distill/configuration.ts';
import { floorLog10 } from '../distill/windows.ts';
import { isSameGraph, type ReadGraph } from '../onnx/read.ts';
import { TrainingError } from '../run/errors.ts';
import { type NetworkConfiguration, networkSchema } from '../student/configuration.ts';
import type { WeightArrays } from '../student/weights.ts';
import { type GraphFile, readGraphFile, readPublished } from './published.ts';
import { floatGraph, foreign, orForeign } from './read-back.ts';
import { headsGraph, trunkGraph } from './student-graph.ts';
import { type ReadPart, readHeads, readTrunk } from './student-reader.ts';
import { withoutUnread } from './unread.ts';

/** What the graphs are of, in messages. */
const student = 'a student';

/**
 * The student of a model that was exported in streaming form and float numbers, by the path of its manifest. It says what the
 * model says, but the statistics of its normalisation are not those of any sound (see `settled`). How it was trained is not
 * known either: but for the lengths of windows, `training` is what the defaults are.
 *
 * @throws {TrainingError} invalid-input, naming the file, when it is no such model
 */
export function restoredStudent(path: string): { student: StudentConfiguration; weights: Map<string, Float32Array> } {
  const manifest = readPublished(path);
  const { name, description, form, streaming } = manifest;
  checkInput(manifest, path);
  if (!streaming) throw new TrainingError('invalid-input', `${path}: form: expected streaming, got ${form}`);
  const { network, weights } = restoredNetwork(readGraphFile(path, manifest), readGraphFile(path, streaming.heads));
  const { window, framesPerStep } = streaming.steps;
  const windows = { shortest: window.min * framesPerStep, longest: streaming.gainFrames };
  const training = trainingSchema.parse({ epochs: 1, windows });
  const smaller = withoutUnread(network, weights);
  return { student: { name, description, network: smaller.network, training }, weights: smaller.weights };
}

/** Clips are heard by the front end of today: a model of another one would learn from what it never hears. */
function checkInput({ input }: ModelManifest, path: string): void {
  const expected = { kind: 'logmel', ...loadNative().features, normalisation: 'peak', floorLog10 };
  for (const [field, value] of Object.entries(expected)) {
    const found = (input as unknown as Record<string, unknown>)[field];
    if (found === value) continue;
    throw new TrainingError('invalid-input', `${path}: input.${field}: expected ${value}, got ${found}`);
  }
}

/** What is read is written again: that it gives the same graphs shows that they held nothing else. */
function restoredNetwork(trunk: GraphFile, heads: GraphFile): { network: NetworkConfiguration; weights: WeightArrays } {
  const [below, above] = [readPart(trunk, readTrunk), readPart(heads, readHeads)];
  const weights = new Map([...below.weights, ...above.weights]);
  const network = orForeign(trunk, student, () => networkSchema.parse({ ...below.shape, ...above.shape }));
  for (const [file, write] of [
    [trunk, trunkGraph],
    [heads, headsGraph],
  ] as const) {
    const written = orForeign(file, student, () => write(network, weights));
    if (!isSameGraph(written, file.bytes)) throw foreign(file, student);
  }
  return { network, weights };
}

function readPart<Shape>(file: GraphFile, read: (graph: ReadGraph) => ReadPart<Shape>): ReadPart<Shape> {
  return orForeign(file, student, () => read(floatGraph(file)));
}
