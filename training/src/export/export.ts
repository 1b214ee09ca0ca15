import { loadNative } from '../../../src/engine/load.ts';
import { type ModelManifest, parseManifest } from '../../../src/model/manifest.ts';
import type { StudentConfiguration } from '../learning/configuration.ts';
import { checkDisjoint, openTaught } from '../learning/taught.ts';
import { trainedOn } from '../learning/trained.ts';
import { type Predicted, predictAll } from '../learning/validate.ts';
import { type InputShape, inputShapeOf } from '../learning/windows.ts';
import { QuantisedOperators } from '../onnx/eight-bit-operators.ts';
import { TrainingError } from '../run/errors.ts';
import { writeAtomically } from '../run/files.ts';
import { RunFolder } from '../run/run-folder.ts';
import * as statistics from '../statistics/statistics.ts';
import { Network } from '../student/network.ts';
import { parameterCount, type WeightArrays } from '../student/weights.ts';
import { calibrate, speechThreshold, stepThreshold } from './calibration.ts';
import { modelCard } from './card.ts';
import { type CauseShifts, withCauseShifts } from './cause-shifts.ts';
import { opusCost, streamingCost, windowedCost } from './cost.ts';
import { filledUp } from './filled.ts';
import { type GraphScore, scoreWithGraphs } from './graph-scores.ts';
import { type Form, manifestOf } from './manifest.ts';
import { studentAt } from './network-at.ts';
import { checkParity, gatherRanges } from './parity.ts';
import { provenanceOf, referenceOf } from './provenance.ts';
import { headsGraph, type StudentGraphOptions, trunkGraph, windowedGraph } from './student-graph.ts';

export interface ExportOptions {
  out: string;
  /** Run folder of `distill` or `prune`, or manifest of a model. */
  student: string;
  /** Run folders of `teach` with clips of speakers that were not trained on. */
  calibration: readonly string[];
  forms: readonly Form[];
  /** `float`, or convolutions of 8-bit numbers. */
  precisions: readonly Precision[];
  /** Default: the student's. */
  name?: string;
  version: string;
  licence: string;
  /** Of the intervals. */
  coverage: number;
  /** Share of the clips whose activations 8-bit numbers reach wholly. Default: 1. */
  rangeShare?: number;
  /** Added to the log-odds of causes. Default: none. */
  causeShifts?: CauseShifts;
  seed: number;
}

export const precisions = ['float', 'int8'] as const;
export type Precision = (typeof precisions)[number];

export interface ExportedModel {
  name: string;
  form: Form;
  precision: Precision;
  parameters: number;
  /** Of all files of the network. */
  bytes: number;
  /** Largest difference to the training graph, of MOS. */
  difference: number;
  coverage: number;
  pcc: number;
  rmse: number;
  /** CPU of one core for a second of audio at one score per second, and of libopus decoding it in the same run. */
  msPerAudioSecond: number;
  opusMsPerAudioSecond: number;
}

/** Largest difference of a float graph from the training graph, and mean difference of an 8-bit one, MOS. */
export const tolerance = { float: 1e-4, int8: 0.1 } as const;

/** Writes NAME.onnx (and NAME-heads.onnx), NAME.json and NAME.md for every form and precision. */
export async function exportStudent({
  out,
  student: path,
  calibration: calibrationFolders,
  forms,
  precisions: wanted,
  name,
  version,
  licence,
  coverage,
  rangeShare = 1,
  causeShifts = {},
  seed,
}: ExportOptions): Promise<ExportedModel[]> {
  const asTrained = studentAt(path);
  const trained = { ...asTrained, weights: withCauseShifts(asTrained.weights, causeShifts) };
  const { network, weights } = filledUp(trained.student.network, trained.weights);
  const student = { ...trained.student, network };
  const provenance = provenanceOf(path);
  checkDisjoint(trainedOn(path), calibrationFolders);
  const configuration = {
    student: path,
    calibrationFolders,
    forms,
    precisions: wanted,
    name,
    version,
    licence,
    coverage,
    rangeShare,
    causeShifts,
  };
  const run = RunFolder.open({ path: out, verb: 'export', seed, configuration });
  const { training } = student;
  const shape = inputShapeOf(network);
  const data = openTaught(calibrationFolders, training.shardsInMemory);
  const original = new Network(trained.student.network, trained.weights);
  const predicted = predictAll(original, data, training.windows, shape);
  if (predicted.every(({ mos }) => mos === null))
    throw new TrainingError('invalid-input', 'no calibration clip has a label');
  const ranges = wanted.includes('int8') ? await gatherRanges(student, weights, data, shape, rangeShare) : new Map();
  const opusMsPerAudioSecond = await opusCost();
  const silent = silentOf(predicted);
  const thresholds = {
    stepThreshold: stepThreshold(silent.flatMap((probabilities) => [...probabilities])),
    speechThreshold: speechThreshold(silent.map((probabilities) => statistics.mean([...probabilities]))),
  };
  const exported: ExportedModel[] = [];
  for (const form of forms) {
    for (const precision of wanted) {
      const variant = [...(form === 'streaming' ? [form] : []), ...(precision === 'int8' ? [precision] : [])];
      const only = name !== undefined && forms.length * wanted.length === 1;
      const base = [name ?? student.name, ...(only ? [] : variant)].join('-');
      const options = (): StudentGraphOptions => ({
        metadata: { name: base, version, licence },
        ...(precision === 'int8' ? { operators: new QuantisedOperators(ranges) } : {}),
      });
      const graphs = graphsOf(form, student, weights, options);
      const difference = await checkParity(
        form,
        graphs,
        { trained: original, written: network },
        data,
        training.windows,
        shape,
      );
      if (
        difference.typical > tolerance[precision] ||
        (precision === 'float' && difference.largest > tolerance.float)
      ) {
        throw new TrainingError('parity', `${base} differs from the training graph by ${difference.largest} MOS`);
      }
      const cost = await costOf(graphs, student, shape);
      const scored = await scoreWithGraphs(graphs, network, data, training.windows, shape);
      const calibration = calibrate(scored.map(spreadOf), coverage, seed);
      const { pcc, srcc, rmse } = accuracyOf(scored);
      const heads = graphs.heads && { file: `${base}-heads.onnx`, bytes: graphs.heads };
      const manifest = manifestOf({
        ...{ student, name: base, version, licence, form, coverage, calibration, provenance, cost },
        parameters: parameterCount(trained.student.network),
        ...{ features: loadNative().features, ...thresholds, calibrationSet: setName },
        graphs: { file: `${base}.onnx`, bytes: graphs.main, ...(heads ? { heads } : {}) },
        accuracy: [{ set: setName, reference: referenceOf(calibrationFolders), n: scored.length, pcc, srcc, rmse }],
      });
      writeModel(run, manifest, graphs);
      exported.push({
        ...{ name: base, form, precision, parameters: manifest.cost.parameters },
        bytes: graphs.main.length + (graphs.heads?.length ?? 0),
        ...{ difference: difference.largest, coverage: calibration.coverageMeasured },
        ...{ pcc, rmse, msPerAudioSecond: cost.msPerAudioSecond, opusMsPerAudioSecond },
      });
    }
  }
  original.dispose();
  run.finish();
  return exported;
}

/** How the calibration clips are called in manifests. */
export const setName = 'simulated calls of speakers not trained on';

interface Graphs {
  main: Uint8Array;
  heads?: Uint8Array;
}

/** Writes the files of a model. */
export function writeModel(run: RunFolder, manifest: ModelManifest, graphs: Graphs): void {
  const { name, file, streaming } = manifest;
  const text = `${JSON.stringify(manifest, undefined, 2)}\n`;
  parseManifest(text, `${name}.json`);
  writeAtomically(run.file(file), graphs.main);
  if (streaming && graphs.heads) writeAtomically(run.file(streaming.heads.file), graphs.heads);
  writeAtomically(run.file(`${name}.json`), text);
  writeAtomically(run.file(`${name}.md`), modelCard(manifest));
}

function costOf(
  { main, heads }: Graphs,
  { network, training }: StudentConfiguration,
  { framesPerStep: step }: InputShape,
) {
  const frames = Math.floor(training.windows.longest / step) * step;
  return heads ? streamingCost({ trunk: main, heads }, network, frames) : windowedCost(main, network.mels, frames);
}

function graphsOf(
  form: Form,
  { network }: StudentConfiguration,
  weights: WeightArrays,
  options: () => StudentGraphOptions,
): Graphs {
  if (form === 'windowed') return { main: windowedGraph(network, weights, options()) };
  return { main: trunkGraph(network, weights, options()), heads: headsGraph(network, weights, options()) };
}

function spreadOf({ label, mos, logVariance }: GraphScore) {
  return { error: mos - label, sigma: Math.exp(logVariance / 2) };
}

export function accuracyOf(scored: readonly { label: number; mos: number }[]) {
  const [scores, labels] = [scored.map(({ mos }) => mos), scored.map(({ label }) => label)];
  const { pcc, srcc, rmse } = statistics;
  return { pcc: pcc(scores, labels), srcc: srcc(scores, labels), rmse: rmse(scores, labels) };
}

/** Speech probability of each step of each non-speech clip. */
function silentOf(predicted: readonly Predicted[]): Float32Array[] {
  const silent = predicted.filter(({ speech }) => speech.every((truth) => truth === 0));
  return silent.map(({ alone }) => alone.speech);
}
