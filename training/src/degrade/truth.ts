import { type Cause, causes } from '../../../src/events.ts';
import type { Applied } from './chain.ts';
import type { DrawnLeg } from './leg.ts';

/** The causes in the order of the student's output. */
export const causeOrder = causes;

/** From where on a degradation counts as present: about where it can be heard. */
const audible = {
  snrDb: 30,
  clarityDb: 15,
  bandHz: 6500,
  highpassHz: 300,
  lossRatio: 0.01,
  clippedShare: 0.001,
  opusBitrate: 14_000,
};

/** Which causes are present in a simulated clip, 0 or 1 each. */
export function causesOf(
  applied: readonly Applied[],
  leg: DrawnLeg,
  { lostRatio, bandwidthHz }: { lostRatio: number; bandwidthHz: number },
): Record<Cause, 0 | 1> {
  const some = (test: (step: Applied) => boolean) => applied.some(test);
  const legBandHz = leg.codec === 'pcm' ? 8000 : leg.codec === 'opus' ? bandwidthHz : 4000;
  const present: Record<Cause, boolean> = {
    noise:
      some((step) => step.step === 'noise' && step.snrDb < audible.snrDb) ||
      some((step) => step.step === 'mnru' && step.qDb < audible.snrDb),
    reverberation: some((step) => 'clarityDb' in step && step.clarityDb < audible.clarityDb),
    'band-limit':
      legBandHz < audible.bandHz ||
      some((step) => step.step === 'lowpass' && step.hz < audible.bandHz) ||
      some((step) => step.step === 'highpass' && step.hz > audible.highpassHz) ||
      some((step) => step.step === 'codec' && step.bandHz < audible.bandHz),
    loss:
      lostRatio > audible.lossRatio ||
      some((step) => step.step === 'dropouts' && step.ratio > audible.lossRatio) ||
      some((step) => step.step === 'chop' && (step.ms / 1000) * step.perSecond > audible.lossRatio),
    clipping:
      some((step) => step.step === 'clip' && step.share > audible.clippedShare) ||
      some((step) => 'clipped' in step && step.clipped > audible.clippedShare),
    codec:
      (leg.codec === 'opus' && leg.bitrate < audible.opusBitrate) ||
      some((step) => step.step === 'codec' && step.audible),
  };
  return Object.fromEntries(Object.entries(present).map(([cause, is]) => [cause, is ? 1 : 0])) as Record<Cause, 0 | 1>;
}

/** Run lengths of a mask, beginning with how many zeros: [0,0,1,1,1] is [2,3]. */
export function runLengths(mask: ArrayLike<number>): number[] {
  const runs: number[] = [];
  let value = 0;
  let length = 0;
  for (let n = 0; n < mask.length; n++) {
    if (mask[n] === value) length++;
    else {
      runs.push(length);
      [value, length] = [1 - value, 1];
    }
  }
  return [...runs, length];
}

export function fromRunLengths(runs: readonly number[]): Uint8Array {
  const mask = new Uint8Array(runs.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const [index, length] of runs.entries()) {
    mask.fill(index % 2, at, at + length);
    at += length;
  }
  return mask;
}
