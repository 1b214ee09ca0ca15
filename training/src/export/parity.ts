import type { InferenceSession } from '../../../src/model/runtime.ts';
import type { StudentConfiguration, WindowConfiguration } from '../learning/configuration.ts';
import type { DataSet } from '../learning/data-set.ts';
import { predict } from '../learning/predict.ts';
import { layOutAlone } from '../learning/validate.ts';
import type { Batch, ClipData, InputShape } from '../learning/windows.ts';
import { ProbedOperators } from '../onnx/eight-bit-operators.ts';
import { RangeCollector, type Ranges } from '../onnx/ranges.ts';
import { openGraph, runGraph, type Shaped } from '../onnx/session.ts';
import type { NetworkConfiguration } from '../student/configuration.ts';
import type { Network } from '../student/network.ts';
import type { WeightArrays } from '../student/weights.ts';
import type { Form } from './manifest.ts';
import { stateValues, windowedGraph } from './student-graph.ts';

/** Clips that are compared. */
const compared = 24;
/** Clips that show how large activations get. */
const probed = 96;
/** Frames that enter the streaming form at once, in turn: uneven on purpose. */
const pieceSteps = [1, 25, 7, 50];

export interface Difference {
  /** Of the MOS of any clip, and the median. */
  largest: number;
  typical: number;
}

/** Runs graphs of the shape `written`, and the training graph, on the same windows. */
export async function checkParity(
  form: Form,
  { main, heads }: { main: Uint8Array; heads?: Uint8Array },
  { trained, written }: { trained: Network; written: NetworkConfiguration },
  data: DataSet,
  windows: WindowConfiguration,
  shape: InputShape,
): Promise<Difference> {
  const [session, headsSession] = [await openGraph(main), heads ? await openGraph(heads) : undefined];
  const differences: number[] = [];
  for (const clip of firstClips(data, compared, shape)) {
    const batch = layOutAlone([clip], windows, shape);
    const [expected] = predict(trained, batch);
    const frames = { values: batch.logMel, shape: [1, batch.frames, shape.mels] };
    const mos =
      form === 'streaming' && headsSession
        ? await streamed(session, headsSession, batch, written, shape)
        : (await runGraph<'mos'>(session, { logmel: frames })).mos.values[0];
    differences.push(Math.abs((mos as number) - (expected?.mos as number)));
  }
  await session.release();
  await headsSession?.release();
  differences.sort((a, b) => a - b);
  return {
    largest: differences.at(-1) as number,
    typical: differences[Math.floor(differences.length / 2)] as number,
  };
}

/** One sequence in pieces through the trunk, then the heads over all of its steps. */
async function streamed(
  trunk: InferenceSession,
  heads: InferenceSession,
  { logMel, frames }: Batch,
  network: NetworkConfiguration,
  { mels, framesPerStep }: InputShape,
): Promise<number> {
  const size = stateValues(network);
  let state: Shaped = { values: new Float32Array(size), shape: [1, size] };
  const steps: number[] = [];
  for (let from = 0, piece = 0; from < frames; piece++) {
    const length = Math.min(frames - from, (pieceSteps[piece % pieceSteps.length] as number) * framesPerStep);
    const values = logMel.subarray(from * mels, (from + length) * mels);
    const outputs = await runGraph<'steps' | 'nextState'>(trunk, {
      logmel: { values, shape: [1, length, mels] },
      state,
    });
    state = outputs.nextState;
    steps.push(...outputs.steps.values);
    from += length;
  }
  const values = Float32Array.from(steps);
  const shape = [1, values.length / network.width, network.width];
  return (await runGraph<'mos'>(heads, { steps: { values, shape } })).mos.values[0] as number;
}

/** How large activations get on calibration clips; `share`: of the clips that the ranges hold wholly. */
export async function gatherRanges(
  { network, training }: StudentConfiguration,
  weights: WeightArrays,
  data: DataSet,
  shape: InputShape,
  share: number,
): Promise<Ranges> {
  const session = await openGraph(windowedGraph(network, weights, { operators: new ProbedOperators() }));
  const collector = new RangeCollector();
  for (const clip of firstClips(data, probed, shape)) {
    const batch = layOutAlone([clip], training.windows, shape);
    collector.add(await runGraph(session, { logmel: { values: batch.logMel, shape: [1, batch.frames, shape.mels] } }));
  }
  await session.release();
  return collector.ranges(share);
}

function* firstClips(data: DataSet, count: number, { framesPerStep }: InputShape): Generator<ClipData> {
  let left = count;
  for (const clip of data.clips()) {
    if (clip.peaks.length < framesPerStep) continue;
    if (left-- === 0) return;
    yield clip;
  }
}
