import { sampleRateHz } from './ffmpeg.ts';

/** 16 kHz mono samples of -1 to 1 as 16-bit integers; values outside are clipped. */
export function toInt16(samples: Float32Array): Int16Array {
  return Int16Array.from(samples, (sample) => Math.max(-32768, Math.min(32767, Math.round(sample * 32768))));
}

export function fromInt16(samples: Int16Array): Float32Array {
  // Float32Array.from with a function takes ten times as long.
  const values = new Float32Array(samples.length);
  for (let n = 0; n < samples.length; n++) values[n] = (samples[n] as number) / 32768;
  return values;
}

/** A canonical RIFF/WAVE file (44-byte header, 16-bit PCM, mono, 16 kHz). */
export function encodeWav(samples: Float32Array): Uint8Array {
  const pcm = toInt16(samples);
  const file = Buffer.alloc(44 + pcm.byteLength);
  file.write('RIFF', 0, 'latin1');
  file.writeUInt32LE(36 + pcm.byteLength, 4);
  file.write('WAVEfmt ', 8, 'latin1');
  file.writeUInt32LE(16, 16); // bytes of the format chunk
  file.writeUInt16LE(1, 20); // PCM
  file.writeUInt16LE(1, 22); // channels
  file.writeUInt32LE(sampleRateHz, 24);
  file.writeUInt32LE(2 * sampleRateHz, 28); // bytes per second
  file.writeUInt16LE(2, 32); // bytes per frame
  file.writeUInt16LE(16, 34); // bits per sample
  file.write('data', 36, 'latin1');
  file.writeUInt32LE(pcm.byteLength, 40);
  file.set(new Uint8Array(pcm.buffer), 44);
  return file;
}
