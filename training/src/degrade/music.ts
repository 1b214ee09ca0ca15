import { sampleRateHz } from '../audio/ffmpeg.ts';
import type { Random } from '../run/random.ts';

/** Semitones of the scales that melodies are made of. */
const scales = [
  [0, 2, 4, 5, 7, 9, 11],
  [0, 2, 3, 5, 7, 8, 10],
  [0, 2, 4, 7, 9],
] as const;

interface Voice {
  /** Amplitudes of the harmonics, the fundamental first. */
  harmonics: number[];
  attackSeconds: number;
  decaySeconds: number;
  vibratoHz: number;
  /** Share of the frequency, 0 to 0.01. */
  vibratoDepth: number;
}

/**
 * Made-up music: one to three instruments with melodies and chords of one scale, often with drums; level about -26 dB.
 * It stands for all that is tonal and has the rhythm of syllables but is not speech: music on hold, ring tones, games.
 */
export function music(samples: number, random: Random): Float32Array {
  const out = new Float32Array(samples);
  const beatSeconds = 60 / random.uniform(60, 180);
  const root = random.uniform(80, 330);
  const scale = random.pick(scales);
  const voices = random.integer(1, 3);
  for (let voice = 0; voice < voices; voice++) {
    const octave = 2 ** random.integer(-1, 2);
    const level = 10 ** (random.uniform(-12, 0) / 20);
    addPart(out, drawVoice(random), { hertz: root * octave, scale, beatSeconds, level }, random);
  }
  if (random.chance(0.5)) addDrums(out, beatSeconds, random);
  const energy = out.reduce((sum, sample) => sum + sample * sample, 0) / samples;
  const gain = 0.05 / Math.sqrt(energy + 1e-12);
  return out.map((sample) => sample * gain);
}

function drawVoice(random: Random): Voice {
  const tilt = random.uniform(0.5, 2.5);
  const even = random.uniform(0, 1);
  const harmonics = Array.from({ length: random.integer(1, 16) }, (_, n) => (n % 2 === 1 ? even : 1) / (n + 1) ** tilt);
  return {
    harmonics,
    attackSeconds: random.uniform(0.003, 0.1),
    decaySeconds: random.uniform(0.1, 2),
    vibratoHz: random.uniform(4, 7),
    vibratoDepth: random.chance(0.4) ? random.uniform(0, 0.01) : 0,
  };
}

interface Part {
  hertz: number;
  scale: readonly number[];
  beatSeconds: number;
  level: number;
}

function addPart(out: Float32Array, voice: Voice, { hertz, scale, beatSeconds, level }: Part, random: Random): void {
  const chordSize = random.chance(0.4) ? 3 : 1;
  const rest = random.uniform(0, 0.4);
  let step = random.integer(0, scale.length - 1);
  for (let at = 0; at < out.length; ) {
    const length = Math.round(random.pick([0.25, 0.5, 0.5, 1, 1, 2]) * beatSeconds * sampleRateHz);
    step += random.integer(-2, 2);
    for (let note = 0; note < chordSize && !random.chance(rest); note++) {
      const degree = step + 2 * note;
      const octave = Math.floor(degree / scale.length);
      const semitones = (scale[degree - octave * scale.length] as number) + 12 * octave;
      addNote(out, at, length, hertz * 2 ** (semitones / 12), voice, level);
    }
    at += length;
  }
}

function addNote(out: Float32Array, at: number, length: number, hertz: number, voice: Voice, level: number): void {
  const end = Math.min(out.length, at + length);
  const release = 0.02 * sampleRateHz;
  const audible = voice.harmonics.filter((_, n) => hertz * (n + 1) < 0.45 * sampleRateHz);
  let phase = 0;
  for (let n = at; n < end; n++) {
    const seconds = (n - at) / sampleRateHz;
    const vibrato = 1 + voice.vibratoDepth * Math.sin(2 * Math.PI * voice.vibratoHz * seconds);
    phase += (2 * Math.PI * hertz * vibrato) / sampleRateHz;
    const rise = Math.min(1, seconds / voice.attackSeconds);
    const envelope = rise * Math.exp(-seconds / voice.decaySeconds) * Math.min(1, (at + length - n) / release);
    let sum = 0;
    for (let harmonic = 0; harmonic < audible.length; harmonic++) {
      sum += (audible[harmonic] as number) * Math.sin(phase * (harmonic + 1));
    }
    out[n] = (out[n] as number) + level * envelope * sum;
  }
}

/** Bursts of noise and falling tones on the beat. */
function addDrums(out: Float32Array, beatSeconds: number, random: Random): void {
  const step = Math.round((beatSeconds / 2) * sampleRateHz);
  const level = random.uniform(0.2, 1.5);
  for (let at = 0, beat = 0; at < out.length; at += step, beat++) {
    const low = beat % 4 === 0;
    if (!low && random.chance(0.3)) continue;
    const decay = (low ? 0.08 : random.uniform(0.01, 0.06)) * sampleRateHz;
    for (let n = 0; n < 5 * decay && at + n < out.length; n++) {
      const sound = low ? Math.sin(300 * (1 - Math.exp(-n / 800))) : random.uniform(-1, 1);
      out[at + n] = (out[at + n] as number) + level * Math.exp(-n / decay) * sound;
    }
  }
}
