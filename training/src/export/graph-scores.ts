import type { WindowConfiguration } from '../learning/configuration.ts';
import type { DataSet } from '../learning/data-set.ts';
import { groupsOfEqualLength, layOutAlone, layOutInCall } from '../learning/validate.ts';
import type { Batch, InputShape } from '../learning/windows.ts';
import { openGraph, runGraph, type Shaped } from '../onnx/session.ts';
import type { NetworkConfiguration } from '../student/configuration.ts';
import { stateValues } from './student-graph.ts';

/** Outputs of exported graphs for a labelled clip. */
export interface GraphScore {
  /** The teachers'. */
  label: number;
  mos: number;
  logVariance: number;
}

/** Runs graphs on every clip that has a label: the windowed form on each alone, the streaming form as in a call. */
export async function scoreWithGraphs(
  { main, heads }: { main: Uint8Array; heads?: Uint8Array },
  network: NetworkConfiguration,
  data: DataSet,
  windows: WindowConfiguration,
  shape: InputShape,
): Promise<GraphScore[]> {
  const [session, headsSession] = [await openGraph(main), heads ? await openGraph(heads) : undefined];
  const scores: GraphScore[] = [];
  type Outputs = Record<'mos' | 'logVariance', Shaped>;
  const frames = ({ logMel, size, frames: count }: Batch) => ({ values: logMel, shape: [size, count, shape.mels] });
  for (const group of groupsOfEqualLength(data, shape, 16)) {
    const clips = group.map(({ clip }) => clip);
    const batch = headsSession ? layOutInCall(clips, windows, shape) : layOutAlone(clips, windows, shape);
    let outputs: Outputs;
    if (headsSession) {
      const size = stateValues(network);
      const state = { values: new Float32Array(batch.size * size), shape: [batch.size, size] };
      const { steps } = await runGraph<'steps'>(session, { logmel: frames(batch), state });
      outputs = await runGraph(headsSession, { steps: newestHalf(steps) });
    } else {
      outputs = await runGraph(session, { logmel: frames(batch) });
    }
    for (let row = 0; row < batch.size; row++) {
      if (batch.mosKnown[row] !== 1) continue;
      const [mos, logVariance] = [outputs.mos.values[row] as number, outputs.logVariance.values[row] as number];
      scores.push({ label: batch.mos[row] as number, mos, logVariance });
    }
  }
  await session.release();
  await headsSession?.release();
  return scores;
}

/** Steps of the windows, which are the second half of sequences in a call: [batch, steps, width]. */
function newestHalf({ values, shape }: Shaped): Shaped {
  const [batch, steps, width] = shape as [number, number, number];
  const half = steps / 2;
  const newest = new Float32Array(batch * half * width);
  for (let row = 0; row < batch; row++) {
    newest.set(values.subarray((row * steps + half) * width, (row + 1) * steps * width), row * half * width);
  }
  return { values: newest, shape: [batch, half, width] };
}
