import { readPcm, readTruths } from '../degrade/shard.ts';
import { causeOrder, fromRunLengths } from '../degrade/truth.ts';
import type { DistillMosNetwork } from '../distill-mos/network.ts';
import { distillMosSamples } from '../distill-mos/shape.ts';
import { TrainingError } from '../run/errors.ts';
import type { Random } from '../run/random.ts';
import { readLabels } from '../teach/labels.ts';
import { tf } from '../tensorflow.ts';
import { Shards } from './data-set.ts';
import { taughtShards } from './taught.ts';

/** A clip as input of Distill-MOS, with its labels. */
export interface TaughtWaveform {
  /** 16 kHz, -1 to 1. */
  samples: Float32Array;
  /** Null without speech: there is nothing to rate. */
  mos: number | null;
  /** Speech activity, 0 or 1 per 10 ms; null where it is not known. */
  speech: Uint8Array | null;
  /** In the order of `causeOrder`; null where they are not known. */
  causes: readonly number[] | null;
}

/** One that has a label. */
export interface RatedWaveform extends TaughtWaveform {
  mos: number;
}

/** The clips of runs of `teach` that have a label; `most`: no more than so many, evenly spread. */
export function openWaveforms(
  paths: readonly string[],
  shardsInMemory: number,
  most = Number.POSITIVE_INFINITY,
): Shards<RatedWaveform> {
  return open(paths, shardsInMemory, { takes: (clip): clip is RatedWaveform => clip.mos !== null, most });
}

/** All clips of runs of `teach`. */
export function openTaughtWaveforms(paths: readonly string[], shardsInMemory: number): Shards<TaughtWaveform> {
  const takes = (_: TaughtWaveform): _ is TaughtWaveform => true;
  return open(paths, shardsInMemory, { takes, most: Number.POSITIVE_INFINITY });
}

function open<Clip extends TaughtWaveform>(
  paths: readonly string[],
  shardsInMemory: number,
  { takes, most }: { takes: (clip: TaughtWaveform) => clip is Clip; most: number },
): Shards<Clip> {
  const all = paths.flatMap((path) =>
    taughtShards(path).map(({ folder, number }) => {
      const truths = readTruths(folder, number);
      const known = readLabels(path, number).map(({ mos }, index) => {
        const { speech, causes } = truths[index] as (typeof truths)[number];
        return {
          ...{ index, mos, speech: speech && fromRunLengths(speech) },
          causes: causes ? causeOrder.map((cause) => causes[cause]) : null,
        };
      });
      const wanted = known.filter((clip) => takes({ ...clip, samples: new Float32Array() }));
      return { folder, number, wanted };
    }),
  );
  const total = all.reduce((sum, { wanted }) => sum + wanted.length, 0);
  const isTaken = (n: number) => total <= most || Math.floor(((n + 1) * most) / total) > Math.floor((n * most) / total);
  let before = 0;
  const sources = all.map(({ folder, number, wanted }) => {
    const first = before;
    before += wanted.length;
    const taken = wanted.filter((_, n) => isTaken(first + n));
    const load = () => {
      const pcm = readPcm(folder, number);
      const clips = taken.map(
        ({ index, ...clip }): TaughtWaveform => ({ ...clip, samples: pcm[index] as Float32Array }),
      );
      return clips.filter(takes);
    };
    return { size: taken.length, load };
  });
  const data = new Shards(sources, shardsInMemory);
  if (data.size === 0) throw new TrainingError('invalid-input', `${paths.join(', ')}: no clip has a label`);
  return data;
}

/** A window of a clip: a part of a longer one (at random, or its end), a shorter one filled up with silence. */
export function windowOf({ samples }: TaughtWaveform, random?: Random): Float32Array {
  const window = new Float32Array(distillMosSamples);
  const rest = Math.max(0, samples.length - distillMosSamples);
  const start = random ? random.integer(0, rest) : rest;
  window.set(samples.subarray(start, start + distillMosSamples));
  return window;
}

/** The windows of some clips as inputs of `DistillMosNetwork`: a spectrum each. */
export function spectrumOf(network: DistillMosNetwork, clips: readonly TaughtWaveform[], random?: Random): tf.Tensor4D {
  const waveforms = new Float32Array(clips.length * distillMosSamples);
  clips.forEach((clip, row) => {
    waveforms.set(windowOf(clip, random), row * distillMosSamples);
  });
  return network.spectrum(tf.tensor2d(waveforms, [clips.length, distillMosSamples]));
}
