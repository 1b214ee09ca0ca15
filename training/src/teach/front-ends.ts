import { sampleRateHz } from '../audio/ffmpeg.ts';
import { GraphBuilder, type Value } from '../onnx/graph.ts';
import { hann, shortTimeFourier } from '../onnx/spectrum.ts';
import type { TeacherDescription } from './description.ts';

export type FrontEnd = Exclude<TeacherDescription['frontEnd'], { kind: 'waveform' }>;

/** What comes before a teacher's network, as a graph of its own: `samples` [1, n] to `features`. */
export function frontEndGraph(frontEnd: FrontEnd): Uint8Array {
  const graph = new GraphBuilder(frontEnd.kind);
  const samples = graph.input('samples', [1, 'samples']);
  if (frontEnd.kind === 'mel-db')
    graph.output('features', melDb(graph, samples, frontEnd), [1, 'frames', frontEnd.mels]);
  else graph.output('features', logMagnitude(graph, samples, frontEnd), [1, 1, 'frames', frontEnd.fftSize / 2 + 1]);
  return graph.build();
}

/** [1, bins, frames] of |X|^2. */
function powerSpectrum(graph: GraphBuilder, samples: Value, window: Float64Array, hop: number): Value {
  const spectrum = shortTimeFourier(graph, samples, window, hop);
  return graph.node('ReduceSum', [graph.node('Mul', [spectrum, spectrum]), graph.integers([1])], { keepdims: 0 });
}

const dbPerNeper = 10 / Math.LN10;

/** librosa's melspectrogram (centred frames, zeros beyond the ends) and power_to_db (ref=max, amin=1e-10, top_db=80). */
function melDb(
  graph: GraphBuilder,
  samples: Value,
  { fftSize, hop, mels, cutEnd }: FrontEnd & { kind: 'mel-db' },
): Value {
  const half = Math.floor(fftSize / 2);
  // Negative padding cuts.
  const kept = graph.node('Pad', [samples, graph.integers([0, 0, 0, -cutEnd])], { mode: 'constant' });
  const centred = graph.node('Pad', [kept, graph.integers([0, half, 0, half])], { mode: 'constant' });
  const power = powerSpectrum(graph, centred, hann(fftSize), hop);
  const filters = graph.constant(slaneyFilters(fftSize, mels), [mels, half + 1]);
  const energies = graph.node('Max', [graph.node('MatMul', [filters, power]), graph.scalar(1e-10)]);
  const db = graph.node('Mul', [graph.node('Log', [energies]), graph.scalar(dbPerNeper)]);
  const belowLoudest = graph.node('Sub', [db, graph.node('ReduceMax', [db])]);
  const limited = graph.node('Max', [belowLoudest, graph.scalar(-80)]);
  const scaled = graph.node('Add', [graph.node('Mul', [limited, graph.scalar(1 / 40)]), graph.scalar(1)]);
  return graph.node('Transpose', [scaled], { perm: [0, 2, 1] });
}

/** Smallest value that is not zero stands for zero, so many times smaller (-120 dB of power), or -80 dB in full silence. */
const silenceFactor = 10 ** -12;
const fullSilence = 10 ** -8;
const huge = 1e30;

/** The front end of PLCMOS (speechmos): frames from one hop before the start until one that covers the end. */
function logMagnitude(
  graph: GraphBuilder,
  samples: Value,
  { fftSize, hop }: FrontEnd & { kind: 'log-magnitude' },
): Value {
  const window = Float64Array.from({ length: fftSize }, (_, n) => 0.54 - 0.46 * Math.cos((2 * Math.PI * n) / fftSize));
  const padded = graph.node('Pad', [samples, graph.integers([0, fftSize - hop, 0, fftSize - 1])], { mode: 'constant' });
  const magnitudes = graph.node('Sqrt', [powerSpectrum(graph, padded, window, hop)]);
  // The reference squares the real part of the magnitude.
  const power = graph.node('Mul', [magnitudes, magnitudes]);
  const isZero = graph.node('Equal', [power, graph.scalar(0)]);
  const smallest = graph.node('ReduceMin', [graph.node('Where', [isZero, graph.scalar(huge), power])]);
  const allZero = graph.node('Equal', [smallest, graph.scalar(huge)]);
  const forSilence = graph.node('Mul', [smallest, graph.scalar(silenceFactor)]);
  const floor = graph.node('Where', [allZero, graph.scalar(fullSilence), forSilence]);
  const logarithm = graph.node('Log', [graph.node('Where', [isZero, floor, power])]);
  const frames = graph.node('Transpose', [graph.node('Mul', [logarithm, graph.scalar(1 / 20)])], { perm: [0, 2, 1] });
  return graph.node('Unsqueeze', [frames, graph.integers([1])]);
}

/** Triangular filters of equal area on Slaney's mel scale (Auditory Toolbox, 1998), 0 Hz to half the sampling rate. */
function slaneyFilters(fftSize: number, mels: number): Float32Array {
  const linear = 200 / 3;
  const step = Math.log(6.4) / 27;
  const toMel = (hertz: number) => (hertz < 1000 ? hertz / linear : 15 + Math.log(hertz / 1000) / step);
  const toHertz = (mel: number) => (mel < 15 ? mel * linear : 1000 * Math.exp(step * (mel - 15)));
  const top = toMel(sampleRateHz / 2);
  const edges = Float64Array.from({ length: mels + 2 }, (_, n) => toHertz((top * n) / (mels + 1)));
  const bins = Math.floor(fftSize / 2) + 1;
  const filters = new Float32Array(mels * bins);
  for (let mel = 0; mel < mels; mel++) {
    const [low, centre, high] = edges.subarray(mel, mel + 3) as unknown as [number, number, number];
    for (let bin = 0; bin < bins; bin++) {
      const hertz = (bin * sampleRateHz) / fftSize;
      const height = Math.max(0, Math.min((hertz - low) / (centre - low), (high - hertz) / (high - centre)));
      filters[mel * bins + bin] = (2 / (high - low)) * height;
    }
  }
  return filters;
}
