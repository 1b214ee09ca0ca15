import { loadNative } from '../../../src/engine/load.ts';
import type { ModelManifest } from '../../../src/model/manifest.ts';
import { type StudentConfiguration, trainingSchema } from '../learning/configuration.ts';
import { floorLog10 } from '../learning/windows.ts';
import { isSameGraph, type ReadGraph } from '../onnx/read.ts';
import { TrainingError } from '../run/errors.ts';
import { type NetworkConfiguration, networkSchema } from '../student/configuration.ts';
import type { WeightArrays } from '../student/weights.ts';
import { type GraphFile, readGraphFile, readPublished } from './published.ts';
import { floatGraph, foreign, orForeign } from './read-back.ts';
import { headsGraph, trunkGraph } from './student-graph.ts';
import { type ReadPart, readHeads, readTrunk } from './student-reader.ts';
import { withoutUnread } from './unread.ts';

/** Name of the network in messages. */
const student = 'a student';

/**
 * The student of a model that was exported in streaming form and float numbers, by the path of its manifest. Its outputs are
 * the model's, but its batch-norm statistics are not those of real audio (see `settled`). How it was trained is
 * unknown: apart from the longest window, `training` holds the defaults. The shortest window of the manifest is one that is scored.
 *
 * @throws {TrainingError} invalid-input, naming the file, when it is no such model
 */
export function restoredStudent(path: string): { student: StudentConfiguration; weights: Map<string, Float32Array> } {
  const manifest = readPublished(path);
  const { name, description, form, streaming } = manifest;
  checkInput(manifest, path);
  if (!streaming) throw new TrainingError('invalid-input', `${path}: form: expected streaming, got ${form}`);
  const { network, weights } = restoredNetwork(readGraphFile(path, manifest), readGraphFile(path, streaming.heads));
  const longest = streaming.gainFrames;
  const { shortest } = trainingSchema.parse({ epochs: 1 }).windows;
  const training = trainingSchema.parse({ epochs: 1, windows: { shortest: Math.min(shortest, longest), longest } });
  const smaller = withoutUnread(network, weights);
  return { student: { name, description, network: smaller.network, training }, weights: smaller.weights };
}

/** Clips are made with the current front end: a model with another one would train on inputs that it never gets. */
function checkInput({ input }: ModelManifest, path: string): void {
  const expected = { kind: 'logmel', ...loadNative().features, normalisation: 'peak', floorLog10 };
  for (const [field, value] of Object.entries(expected)) {
    const found = (input as unknown as Record<string, unknown>)[field];
    if (found === value) continue;
    throw new TrainingError('invalid-input', `${path}: input.${field}: expected ${value}, got ${found}`);
  }
}

/** Round trip: writing the result again must give the same graphs. */
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
