import { sampleRateHz } from '../audio/ffmpeg.ts';
import type { Random } from '../run/random.ts';
import type { Clip } from './steps.ts';

/** What becomes of a piece: it is silenced, replaced by the piece before it, or cut out. */
export const chopModes = ['silence', 'repeat', 'cut'] as const;
export type ChopMode = (typeof chopModes)[number];

export interface Chops {
  mode: ChopMode;
  /** Length of a piece. */
  ms: number;
  perSecond: number;
  /** Pieces at equal distances; otherwise at random ones. */
  regular: boolean;
}

/**
 * Choppy speech (N. Harte, E. Gillen and A. Hines, "TCD-VoIP", QoMEX 2015). The clip keeps its length: where pieces are cut
 * out, its end is silent, and `origin` has where its samples were.
 */
export function chopped(clip: Clip, { mode, ms, perSecond, regular }: Chops, random: Random): Clip {
  const { length } = clip.samples;
  const piece = Math.max(1, Math.round((ms * sampleRateHz) / 1000));
  const starts = startsOf(length, piece, sampleRateHz / perSecond, regular, random);
  const samples = Float32Array.from(clip.samples);
  if (mode === 'silence') for (const start of starts) samples.fill(0, start, start + piece);
  if (mode === 'repeat') {
    for (const start of starts)
      samples.copyWithin(start, Math.max(0, start - piece), Math.max(0, start - piece) + piece);
  }
  if (mode !== 'cut') return { ...clip, samples };
  const cut = new Uint8Array(length);
  for (const start of starts) cut.fill(1, start, start + piece);
  const kept = Uint32Array.from({ length }, (_, n) => n).filter((n) => cut[n] === 0);
  const origin = Float64Array.from({ length }, (_, n) => placeIn(clip.origin, kept[n] ?? length));
  return {
    samples: Float32Array.from({ length }, (_, n) => clip.samples[kept[n] ?? length] ?? 0),
    speech: clip.speech.map((_, frame) => clip.speech[Math.floor((kept[frame * hop] ?? length) / hop)] ?? 0),
    origin,
  };
}

const hop = sampleRateHz / 100;

function placeIn(origin: Float64Array | undefined, n: number): number {
  return origin ? (origin[n] ?? origin.length) : n;
}

function startsOf(length: number, piece: number, period: number, regular: boolean, random: Random): number[] {
  const count = Math.max(1, Math.round(length / period));
  const offset = random.uniform(0, period);
  const starts = Array.from({ length: count }, (_, n) =>
    Math.floor(regular ? offset + n * period : random.uniform(0, length)),
  );
  return starts.filter((start) => start + piece <= length);
}
