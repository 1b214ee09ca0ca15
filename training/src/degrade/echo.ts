import { sampleRateHz } from '../audio/ffmpeg.ts';

export interface Echo {
  delayMs: number;
  /** Of the first echo. */
  gain: number;
  /** What comes back of each echo as the next one; 0: a single echo. */
  feedback: number;
}

/** The talker's own echo beside the speech. */
export function echoed(samples: Float32Array, { delayMs, gain, feedback }: Echo): Float32Array {
  const delay = Math.max(1, Math.round((delayMs * sampleRateHz) / 1000));
  const echo = new Float32Array(samples.length);
  for (let n = delay; n < samples.length; n++) {
    echo[n] = gain * (samples[n - delay] as number) + feedback * (echo[n - delay] as number);
  }
  return samples.map((sample, n) => sample + (echo[n] as number));
}
