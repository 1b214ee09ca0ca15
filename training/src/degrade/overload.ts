/** A microphone input turned up too far: the samples are amplified, and clipped at full scale by the converter. */
export function overloaded(samples: Float32Array, gainDb: number): Float32Array {
  const gain = 10 ** (gainDb / 20);
  return samples.map((sample) => Math.max(-1, Math.min(1, gain * sample)));
}
