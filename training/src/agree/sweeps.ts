import { mosCqe } from '../../../src/quality/e-model.ts';
import type { DrawnLeg } from '../degrade/leg.ts';
import type { Step } from '../degrade/recipe.ts';

/** One impairment at several strengths, from none on. */
export interface Sweep {
  name: string;
  /** What the strengths are. */
  axis: string;
  points: SweepPoint[];
}

export interface SweepPoint {
  strength: number;
  chain: Step[];
  leg: DrawnLeg;
  /** E-model value of a call on which nothing but this is wrong; only where packets tell. */
  eModel?: number;
}

const opus = {
  ...{ codec: 'opus', bitrate: 32_000, frameMs: 20, complexity: 9, fec: false, dtx: false },
  ...{ maxBandwidthHz: 0, loss: null },
} as const satisfies DrawnLeg;

const step = (name: string, fields: object) => ({ step: name, probability: 1, ...fields }) as Step;

/** A sweep whose points are a step of `degrade`; the first point is undisturbed. */
function ofStep(name: string, axis: string, strengths: readonly number[], made: (strength: number) => Step): Sweep {
  const points = strengths.map((strength, place) => ({
    ...{ strength, leg: opus },
    chain: place === 0 ? [] : [made(strength)],
  }));
  return { name, axis, points };
}

const lossPercents = [0, 2, 5, 10, 20, 30, 40];

function lossSweep(fec: boolean, burst: number): Sweep {
  const points = lossPercents.map((strength): SweepPoint => {
    const ratio = strength / 100;
    const drawn = strength > 0 ? { ratio, burst } : null;
    // Of the loss before FEC.
    return { ...{ strength, chain: [], leg: { ...opus, fec, loss: drawn } }, eModel: mosCqe('opus', ratio) };
  });
  return { name: `loss, mean burst ${burst}, ${fec ? 'FEC' : 'no FEC'}`, axis: 'packets lost, %', points };
}

/** What calls suffer, each alone, over Opus at 32 kbit/s. The first strength of each is none at all. */
export const sweeps: readonly Sweep[] = [
  ...[false, true].flatMap((fec) => [1, 3].map((burst) => lossSweep(fec, burst))),
  ofStep('noise', 'SNR, dB', [60, 40, 30, 20, 10, 0], (snrDb) => step('noise', { snrDb })),
  ofStep('modulated noise', 'Q, dB', [60, 40, 30, 20, 10, 5], (qDb) => step('mnru', { qDb })),
  ofStep('clipping', 'gain too much, dB', [0, 10, 16, 22, 28, 34], (gainDb) => step('overload', { gainDb })),
  ofStep('echo after 120 ms', 'gain, dB', [-60, -40, -30, -20, -10, -5], (db) =>
    step('echo', { delayMs: 120, gain: 10 ** (db / 20), feedback: 0 }),
  ),
  ofStep('second talker', 'SNR, dB', [60, 40, 30, 20, 10, 0], (snrDb) => step('second-talker', { snrDb })),
  ofStep('reverberation', 'decay by 60 dB, s', [0, 0.2, 0.4, 0.7, 1, 1.5], (decaySeconds) =>
    step('made-room', { decaySeconds, directDb: 0 }),
  ),
  ofStep('bandwidth', 'Hz', [8000, 6000, 4500, 3400, 2500, 1800], (hz) => step('lowpass', { hz, order: 8 })),
  ofStep('choppy speech', 'pieces of 40 ms silenced, 1/s', [0, 0.5, 1, 2, 4, 8], (perSecond) =>
    step('chop', { modes: ['silence'], ms: 40, perSecond, regular: 0 }),
  ),
  {
    name: 'Opus bitrate',
    axis: 'kbit/s',
    points: [64, 32, 24, 16, 10, 6].map((strength) => ({
      ...{ strength, chain: [], leg: { ...opus, bitrate: 1000 * strength } },
    })),
  },
];
