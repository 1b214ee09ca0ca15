import type { ModelManifest } from '../../../src/model/manifest.ts';
import { distillMosGraph } from '../distill-mos/graph.ts';
import { DistillMosNetwork } from '../distill-mos/network.ts';
import { distillMosSamples, steps } from '../distill-mos/shape.ts';
import type { StoredDistillMos } from '../distill-mos/stored.ts';
import { checkDisjoint } from '../learning/taught.ts';
import { trainedOn } from '../learning/trained.ts';
import { openTaughtWaveforms, spectrumOf, type TaughtWaveform, windowOf } from '../learning/waveforms.ts';
import { ProbedOperators, QuantisedOperators } from '../onnx/eight-bit-operators.ts';
import { RangeCollector, type Ranges } from '../onnx/ranges.ts';
import { openGraph, runGraph } from '../onnx/session.ts';
import { TrainingError } from '../run/errors.ts';
import { sha256 } from '../run/files.ts';
import { RunFolder } from '../run/run-folder.ts';
import { distillMosFamily } from '../structure/distill-mos-family.ts';
import { causeNames } from '../student/configuration.ts';
import { tf, valuesOf } from '../tensorflow.ts';
import { calibrate, speechThreshold, stepThreshold } from './calibration.ts';
import { opusCost, waveformCost } from './cost.ts';
import { accuracyOf, type ExportedModel, type ExportOptions, setName, tolerance, writeModel } from './export.ts';
import { provenanceOf, referenceOf } from './provenance.ts';

/** Clips that are compared with the training graph, and clips that show how large activations get. */
const [compared, probed] = [8, 24];
/** Shortest sound that is scored, 3 s: as the students'. */
const shortestSamples = 48_000;

/**
 * Writes a pruned Distill-MOS with its own front end: a waveform in, a MOS out. One that learnt the MOS alone has no speech
 * output and no causes, and one interval width for all scores.
 */
export async function exportDistillMos(
  options: ExportOptions,
  { description, weights }: StoredDistillMos,
): Promise<ExportedModel[]> {
  const { out, student: path, calibration: calibrationFolders, forms, precisions, name, rangeShare = 1 } = options;
  const { version, licence, coverage, seed } = options;
  if (!forms.includes('windowed')) {
    throw new TrainingError('invalid-input', `form: ${path} is made from Distill-MOS, which has a windowed form only`);
  }
  const { shape } = description;
  const provenance = provenanceOf(path);
  checkDisjoint(trainedOn(path), calibrationFolders);
  const configuration = { student: path, calibrationFolders, forms, precisions, name, version, licence, coverage };
  const run = RunFolder.open({ path: out, verb: 'export', seed, configuration: { ...configuration, rangeShare } });
  const data = openTaughtWaveforms(calibrationFolders, 4);
  const clips = [...data.places()];
  const some = (count: number) => clips.slice(0, count).map((place) => data.stored(place));
  const ranges: Ranges = precisions.includes('int8')
    ? await gatherRanges(
        distillMosGraph(shape, weights, { operators: new ProbedOperators() }),
        some(probed),
        rangeShare,
      )
    : new Map();
  const network = new DistillMosNetwork(shape, weights);
  const expected = trainedScores(network, some(compared));
  const silence = clips.flatMap((place) => {
    const clip = data.stored(place);
    return clip.mos === null && shape.besides ? [...spokenProbabilities(network, clip)] : [];
  });
  const spokenFrom = stepThreshold(silence);
  network.dispose();
  const opusMsPerAudioSecond = await opusCost();
  const exported: ExportedModel[] = [];
  for (const precision of precisions) {
    const base = [name ?? description.name, ...(precision === 'int8' ? [precision] : [])].join('-');
    const main = distillMosGraph(shape, weights, {
      ...{ servable: true, stepThreshold: spokenFrom, metadata: { name: base, version, licence } },
      ...(precision === 'int8' ? { operators: new QuantisedOperators(ranges) } : {}),
    });
    const session = await openGraph(main);
    const scored: { label: number; mos: number; sigma: number }[] = [];
    const [heard, silent]: [number[], number[]] = [[], []];
    for (const place of clips) {
      const { samples, mos: label } = data.stored(place);
      const waveform = soundOf(samples);
      const said = await runGraph<'mos' | 'logVariance' | 'speech'>(session, {
        waveform: { values: waveform, shape: [1, waveform.length] },
      });
      const [mos, logVariance] = [said.mos, said.logVariance].map(({ values }) => values[0] as number) as [
        number,
        number,
      ];
      heard.push(mos);
      if (label !== null) scored.push({ label, mos, sigma: Math.exp(logVariance / 2) });
      else if (shape.besides) silent.push(said.speech.values[0] as number);
    }
    await session.release();
    const differences = expected.map((mos, n) => Math.abs(mos - (heard[n] as number))).sort((a, b) => a - b);
    const difference = differences.at(-1) as number;
    const typical = differences[Math.floor(differences.length / 2)] as number;
    if ((precision === 'float' ? difference : typical) > tolerance[precision]) {
      throw new TrainingError('parity', `${base} differs from the training graph by ${difference} MOS`);
    }
    const cost = await waveformCost(main, distillMosSamples);
    const calibration = calibrate(
      scored.map(({ label, mos, sigma }) => ({ error: mos - label, sigma })),
      coverage,
      seed,
    );
    const { pcc, srcc, rmse } = accuracyOf(scored);
    const { method, n, sigmaScale, coverageUncalibrated, coverageMeasured } = calibration;
    const { parameters } = distillMosFamily.cost(shape);
    const manifest: ModelManifest = {
      ...{ name: base, version, description: description.description, licence },
      ...{ file: `${base}.onnx`, sha256: sha256(main), form: 'windowed' },
      input: {
        ...{ kind: 'waveform', name: 'waveform', sampleRateHz: 16_000, normalisation: 'none' },
        samples: { min: shortestSamples, max: distillMosSamples, multipleOf: 160 },
      },
      outputs: {
        ...{ mos: 'mos', logVariance: 'logVariance' },
        ...(shape.besides
          ? {
              speech: { name: 'speech', threshold: speechThreshold(silent) },
              causes: { name: 'causes', order: [...causeNames] },
            }
          : {}),
      },
      scale: { quantity: 'MOS-LQO', min: 1, max: 5 },
      interval: {
        ...{ coverage, sigmaScale },
        calibration: { method, set: setName, n, coverageUncalibrated, coverageMeasured },
      },
      provenance,
      accuracy: [{ set: setName, reference: referenceOf(calibrationFolders), n: scored.length, pcc, srcc, rmse }],
      cost: { parameters, ...cost },
    };
    writeModel(run, manifest, { main });
    exported.push({
      ...{ name: base, form: 'windowed', precision, parameters, bytes: main.length, difference },
      ...{ coverage: coverageMeasured, pcc, rmse, msPerAudioSecond: cost.msPerAudioSecond, opusMsPerAudioSecond },
    });
  }
  run.finish();
  return exported;
}

/** The part of a clip that a model gets: its end, at least the shortest input. */
function soundOf(samples: Float32Array): Float32Array {
  const sound = new Float32Array(Math.min(distillMosSamples, Math.max(shortestSamples, samples.length)));
  sound.set(samples.subarray(Math.max(0, samples.length - distillMosSamples)));
  return sound;
}

function trainedScores(network: DistillMosNetwork, clips: readonly TaughtWaveform[]): number[] {
  return clips.map((clip) => tf.tidy(() => network.mos(spectrumOf(network, [clip])).dataSync()[0] as number));
}

/** Speech probability of each step. */
function spokenProbabilities(network: DistillMosNetwork, clip: TaughtWaveform): Float32Array {
  const all = valuesOf(() => {
    const { besides } = network.said(network.features(spectrumOf(network, [clip])));
    return tf.sigmoid(besides?.speech as tf.Tensor2D);
  });
  return all.subarray(0, Math.ceil(soundOf(clip.samples).length / (distillMosSamples / steps)));
}

async function gatherRanges(probing: Uint8Array, clips: readonly TaughtWaveform[], share: number): Promise<Ranges> {
  const session = await openGraph(probing);
  const collector = new RangeCollector();
  for (const clip of clips) {
    collector.add(await runGraph(session, { waveform: { values: windowOf(clip), shape: [1, distillMosSamples] } }));
  }
  await session.release();
  return collector.ranges(share);
}
