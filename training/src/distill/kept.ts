import { framesPerStep } from '../student/configuration.ts';
import { Network } from '../student/network.ts';
import type { WeightArrays } from '../student/weights.ts';
import type { StudentConfiguration, TrainingConfiguration } from './configuration.ts';
import { DataSet, type ShardSource } from './data-set.ts';
import { taughtSources } from './taught.ts';
import { predictAll } from './validate.ts';
import { floorLog10 } from './windows.ts';

/**
 * Run folders of `teach` as one data set, in which the clips of `keep` have what a student says of each alone in place of their labels:
 * who learns from them keeps to it (learning without forgetting: Z. Li and D. Hoiem, arXiv 1606.09282).
 */
export function openWithKept(
  { train, keep }: { train: readonly string[]; keep: readonly string[] },
  { student, weights }: { student: StudentConfiguration; weights: WeightArrays },
  { windows, shardsInMemory }: Pick<TrainingConfiguration, 'windows' | 'shardsInMemory'>,
): DataSet {
  const network = new Network(student.network, weights);
  const shape = { mels: student.network.mels, framesPerStep: framesPerStep(student.network), floorLog10 };
  const say = (clips: DataSet) =>
    new Map(predictAll(network, clips, windows, shape).map(({ place, alone }) => [place, alone.mos]));
  return new DataSet(
    [...taughtSources(train), ...taughtSources(keep).map((source) => kept(source, say))],
    shardsInMemory,
  );
}

/** A clip without a label, in which nobody speaks, stays without. */
function kept({ size, load }: ShardSource, say: (clips: DataSet) => Map<number, number>): ShardSource {
  let said: Map<number, number> | undefined;
  return {
    size,
    load() {
      const clips = load();
      said ??= say(new DataSet([{ size, load: () => clips }], 1));
      return clips.map((clip, place) => ({ ...clip, mos: clip.mos && (said?.get(place) ?? clip.mos) }));
    },
  };
}
