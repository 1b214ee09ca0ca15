import { type Clip, readClip } from '../../../test/support/clips.ts';
import { convolve } from './convolve.ts';

export const voiceSampleRateHz = 16000;

/** What a bot says, and in which surroundings. */
export interface VoiceOptions {
  /** Spoken over and over. */
  speech: Clip;
  /** Mixed in at `snrDb`. */
  noise?: Clip;
  /** Level of the speech (while somebody speaks) over the noise, dB. Default 5. */
  snrDb?: number;
  /** The room's impulse response. */
  room?: Clip;
}

/** -26 dBov (ITU-T P.56 reference level of speech): leaves room for peaks. */
const speechLevel = 10 ** (-26 / 20);
const pauseSeconds = 0.6;

const level = (samples: Float32Array): number =>
  Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);

/** Level of the 20 ms pieces that hold speech: those within 30 dB of the loudest. */
function activeLevel(samples: Float32Array): number {
  const size = voiceSampleRateHz / 50;
  const levels = Array.from({ length: Math.floor(samples.length / size) }, (_, index) =>
    level(samples.subarray(index * size, (index + 1) * size)),
  );
  const least = Math.max(...levels) * 10 ** (-30 / 20);
  const active = levels.filter((one) => one >= least);
  return Math.sqrt(active.reduce((sum, one) => sum + one * one, 0) / active.length);
}

const scaled = (samples: Float32Array, gain: number): Float32Array => samples.map((sample) => sample * gain);

/** One round of what a bot says, 16 kHz mono, -1 to 1, to be repeated without a seam. */
export function createVoice({ speech, noise, snrDb = 5, room }: VoiceOptions): Float32Array {
  const dry = readClip(speech);
  const wet = room === undefined ? dry : convolve(dry, readClip(room)).subarray(0, dry.length);
  const voice = new Float32Array(wet.length + pauseSeconds * voiceSampleRateHz);
  voice.set(scaled(wet, speechLevel / activeLevel(wet)));
  if (noise !== undefined) {
    const sound = readClip(noise);
    const gain = (speechLevel * 10 ** (-snrDb / 20)) / level(sound);
    for (let index = 0; index < voice.length; index++) {
      voice[index] = (voice[index] as number) + gain * (sound[index % sound.length] as number);
    }
  }
  return voice.map((sample) => Math.max(-1, Math.min(1, sample)));
}
