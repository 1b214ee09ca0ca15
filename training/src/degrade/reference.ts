import type { NativeAddon } from '../../../src/engine/contract.ts';
import { hopSamples } from '../audio/level.ts';
import { arriving, type DrawnLeg, type Encoded } from './leg.ts';
import { type Heard, type ListenOptions, listenToSamples } from './listen.ts';
import type { Clip } from './steps.ts';

/**
 * What a full-reference metric compares a clip with: the clip without what happened to it in time, over the same leg without
 * loss, at the times that passed the talk gate of the clip itself. Where pieces of the clip were cut out, it is longer.
 *
 * @param sent - the samples without what happened in time, encoded as those of the clip
 */
export function referenceOf(
  { samples, before = samples, origin }: Clip,
  sent: Encoded,
  leg: DrawnLeg,
  heard: Pick<Heard, 'timesMs'>,
  { addon, options }: { addon: NativeAddon; options: ListenOptions },
): Float32Array {
  const { arrivals, types } = arriving(sent, leg);
  const { pcm, timesMs } = listenToSamples(addon, arrivals, types, options);
  // Where its own gate was closed, the samples as they were sent: no codec is heard in pauses.
  const whole = Float32Array.from(before);
  for (const [frame, timeMs] of timesMs.entries()) {
    const of = pcm.subarray(frame * hopSamples, (frame + 1) * hopSamples);
    const at = frameAt(timeMs) * hopSamples;
    if (at >= 0 && at < whole.length) whole.set(of.subarray(0, whole.length - at), at);
  }
  const places = runsOf(heard.timesMs).map(({ from, to }) => {
    const place = (frame: number) => {
      const sample = Math.max(0, Math.min(whole.length, frame * hopSamples));
      return origin ? (origin[sample] ?? whole.length) : sample;
    };
    return whole.subarray(place(from), place(to));
  });
  const reference = new Float32Array(places.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of places) {
    reference.set(part, at);
    at += part.length;
  }
  return reference.subarray(0, Math.floor(reference.length / hopSamples) * hopSamples);
}

const frameAt = (timeMs: number) => Math.round(timeMs / 10);

/** Runs of frames that follow one another: first frame, and the one after the last. */
function runsOf(timesMs: Float64Array): { from: number; to: number }[] {
  const runs: { from: number; to: number }[] = [];
  for (const frame of timesMs.map(frameAt)) {
    const last = runs.at(-1);
    if (last && last.to === frame) last.to++;
    else runs.push({ from: frame, to: frame + 1 });
  }
  return runs;
}
