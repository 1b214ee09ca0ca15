import { activeLevelDb, hopSamples, speechActivity } from '../audio/level.ts';
import type { Clip } from './steps.ts';

/** A second talker louder than this beside the first counts as somebody who speaks, dB below the first. */
const audibleDb = 15;

/** Another voice over the clip, repeated to its length, its active speech `snrDb` below the clip's. */
export function withSecondTalker(clip: Clip, voice: Float32Array, snrDb: number): Clip {
  const activity = speechActivity(voice);
  const gain = 10 ** ((activeLevelDb(clip.samples, clip.speech) - snrDb - activeLevelDb(voice, activity)) / 20);
  const samples = clip.samples.map((sample, n) => sample + gain * (voice[n % voice.length] as number));
  if (snrDb > audibleDb) return { ...clip, samples };
  const framesOfVoice = Math.floor(voice.length / hopSamples);
  const speech = clip.speech.map((own, frame) => own | (activity[frame % framesOfVoice] as number));
  return { ...clip, samples, speech };
}
