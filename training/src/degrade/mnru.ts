import type { Random } from '../run/random.ts';

/** Modulated noise reference unit (ITU-T P.810): noise in proportion to each sample, `qDb` below the speech. */
export function mnru(samples: Float32Array, qDb: number, random: Random): Float32Array {
  const share = 10 ** (-qDb / 20);
  return samples.map((sample) => sample * (1 + share * random.normal()));
}
