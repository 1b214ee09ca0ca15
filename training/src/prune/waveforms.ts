import { readPcm } from '../degrade/shard.ts';
import { Shards } from '../distill/data-set.ts';
import { taughtShards } from '../distill/taught.ts';
import { distillMosSamples } from '../distill-mos/shape.ts';
import { TrainingError } from '../run/errors.ts';
import type { Random } from '../run/random.ts';
import { readLabels } from '../teach/labels.ts';

/** A clip with a label, as Distill-MOS hears it. */
export interface RatedWaveform {
  /** 16 kHz, -1 to 1. */
  samples: Float32Array;
  mos: number;
}

/** The clips of runs of `teach` that have a label; `most`: no more than so many, evenly spread. */
export function openWaveforms(
  paths: readonly string[],
  shardsInMemory: number,
  most = Number.POSITIVE_INFINITY,
): Shards<RatedWaveform> {
  const all = paths.flatMap((path) =>
    taughtShards(path).map(({ folder, number }) => {
      const rated = readLabels(path, number).flatMap(({ mos }, index) => (mos === null ? [] : [{ mos, index }]));
      return { folder, number, rated };
    }),
  );
  const total = all.reduce((sum, { rated }) => sum + rated.length, 0);
  const isTaken = (n: number) => total <= most || Math.floor(((n + 1) * most) / total) > Math.floor((n * most) / total);
  let before = 0;
  const sources = all.map(({ folder, number, rated }) => {
    const first = before;
    before += rated.length;
    const taken = rated.filter((_, n) => isTaken(first + n));
    const load = () => {
      const pcm = readPcm(folder, number);
      return taken.map(({ mos, index }) => ({ samples: pcm[index] as Float32Array, mos }));
    };
    return { size: taken.length, load };
  });
  const data = new Shards(sources, shardsInMemory);
  if (data.size === 0) throw new TrainingError('invalid-input', `${paths.join(', ')}: no clip has a label`);
  return data;
}

/** A window of a clip: a part of a longer one (at random, or its end), a shorter one filled up with silence. */
export function windowOf({ samples }: RatedWaveform, random?: Random): Float32Array {
  const window = new Float32Array(distillMosSamples);
  const rest = Math.max(0, samples.length - distillMosSamples);
  const start = random ? random.integer(0, rest) : rest;
  window.set(samples.subarray(start, start + distillMosSamples));
  return window;
}
