import { sampleRateHz } from '../audio/ffmpeg.ts';
import { activeLevelDb } from '../audio/level.ts';
import type { Clip } from './steps.ts';

export interface Pumping {
  /** What is louder than this far below the active speech is turned down. */
  belowDb: number;
  /** By how many dB a level above that must rise for the result to rise by 1 dB. */
  ratio: number;
  /** Time constant with which the gain comes back. */
  releaseMs: number;
}

/** Time constants, s: of the level, and of the gain on its way down. */
const levelSeconds = 0.01;
const attackSeconds = 0.005;

/** A level control that breathes: it turns loud speech down at once and comes back slowly. The active level stays the same. */
export function pumped(clip: Clip, { belowDb, ratio, releaseMs }: Pumping): Float32Array {
  const active = activeLevelDb(clip.samples, clip.speech);
  const smoothing = (seconds: number) => 1 - Math.exp(-1 / (seconds * sampleRateHz));
  const [ofLevel, ofAttack, ofRelease] = [levelSeconds, attackSeconds, releaseMs / 1000].map(smoothing) as number[];
  let [power, gainDb] = [0, 0];
  const samples = clip.samples.map((sample) => {
    power += (ofLevel as number) * (sample * sample - power);
    const overDb = 10 * Math.log10(power + 1e-12) - (active - belowDb);
    const wantedDb = -(1 - 1 / ratio) * Math.max(0, overDb);
    gainDb += ((wantedDb < gainDb ? ofAttack : ofRelease) as number) * (wantedDb - gainDb);
    return sample * 10 ** (gainDb / 20);
  });
  const makeUp = 10 ** ((active - activeLevelDb(samples, clip.speech)) / 20);
  return samples.map((sample) => makeUp * sample);
}
