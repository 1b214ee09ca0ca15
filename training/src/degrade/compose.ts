import { sampleRateHz } from '../audio/ffmpeg.ts';
import { activeLevelDb, hopSamples, scaled, speechActivity } from '../audio/level.ts';
import { played } from '../audio/speed.ts';
import { toned } from '../audio/tone.ts';
import type { AudioLibrary } from '../corpus/library.ts';
import type { Recording } from '../corpus/manifest.ts';
import { TrainingError } from '../run/errors.ts';
import type { Random } from '../run/random.ts';
import { music } from './music.ts';
import { draw, type Recipe } from './recipe.ts';
import type { Clip } from './steps.ts';

export type Content = 'speech' | 'wild' | 'noise' | 'music';

/** An undegraded clip. */
export interface Composed extends Clip {
  content: Content;
  /** Whether the chain is for it: not for recordings of real devices, unless the recipe has them altered. */
  altered: boolean;
  speaker?: string;
  /** At which its recordings are played. */
  speed: number;
  /** Ids of the recordings it is made of. */
  sources: string[];
}

/** Level of the active speech before the chain, dB relative to a square wave of full scale. */
const composedLevelDb = -26;
/** Ends of utterances fade over this, samples (10 ms). */
const fadeSamples = 160;

/** What a clip may be made of: the recordings of its split, by use. */
export class Ingredients {
  readonly #speakers: ReadonlyMap<string, readonly Recording[]>;
  readonly #wild: ReadonlyMap<string, readonly Recording[]>;
  readonly #noises: readonly Recording[];
  readonly library: AudioLibrary;

  constructor(recordings: readonly Recording[], recipe: Recipe, library: AudioLibrary) {
    const pattern = new RegExp(recipe.content.noiseFiles ?? '');
    this.#speakers = bySpeaker(recordings.filter(({ kind }) => kind === 'speech'));
    this.#wild = bySpeaker(recordings.filter(({ kind }) => kind === 'wild'));
    this.#noises = recordings.filter(({ kind, id }) => kind === 'noise' && pattern.test(id));
    this.library = library;
    const lacking = [
      recipe.content.speech > 0 && this.#speakers.size === 0 && 'speech',
      recipe.content.wild > 0 && this.#wild.size === 0 && 'wild',
      recipe.content.noise > 0 && this.#noises.length === 0 && 'noise',
    ].filter(Boolean);
    if (lacking.length > 0) {
      throw new TrainingError(
        'invalid-input',
        `the recipe wants recordings that this split lacks: ${lacking.join(', ')}`,
      );
    }
  }

  /** Recordings laid one after the other, with pauses, to the wanted length. */
  async compose(recipe: Recipe, random: Random): Promise<Composed> {
    const { content: shares } = recipe;
    const contents = ['speech', 'wild', 'noise', 'music'] as const;
    const content = contents[random.weighted(contents.map((name) => shares[name]))] as Content;
    // Whole packets of 60 ms, the longest, so that no codec cuts the end.
    const packets = Math.round(draw(recipe.seconds, random) / 0.06);
    const samples = new Float32Array(packets * 0.06 * sampleRateHz);
    const active = new Uint8Array(samples.length / hopSamples);
    if (content === 'music')
      return { samples: music(samples.length, random), speech: active, content, altered: true, speed: 1, sources: [] };
    const altered = content !== 'wild' || (shares.wildAltered > 0 && random.chance(shares.wildAltered));
    const speeds = { speech: draw(recipe.speechSpeed, random), noise: draw(recipe.noiseSpeed, random) };
    const speed = content === 'noise' ? speeds.noise : altered ? speeds.speech : 1;
    const voice = content === 'noise' ? undefined : this.#voice(content, random);
    const recordings = random.shuffle(voice ? voice.recordings : this.#noises);
    const sources: string[] = [];
    for (let at = 0, index = 0; at < samples.length; index++) {
      const recording = recordings[index % recordings.length] as Recording;
      const piece = await this.#piece(recording, content, { longest: samples.length, speed }, random);
      place(samples, active, at, piece, content !== 'noise');
      sources.push(recording.id);
      at += Math.ceil((piece.length + draw(recipe.gapSeconds, random) * sampleRateHz) / hopSamples) * hopSamples;
    }
    const tones = { speech: draw(recipe.speechToneDb, random), noise: draw(recipe.noiseToneDb, random) };
    const toneDb = content === 'noise' ? tones.noise : altered ? tones.speech : 0;
    const bent = toned(samples, toneDb, random);
    const composed = { samples: bent, speech: active, content, altered, speed, sources };
    return voice ? { ...composed, speaker: voice.speaker } : composed;
  }

  /** A speaker, more often one with more material (by the square root), and what they said. */
  #voice(content: 'speech' | 'wild', random: Random) {
    const speakers = [...(content === 'speech' ? this.#speakers : this.#wild)];
    const index = random.weighted(speakers.map(([, { length }]) => Math.sqrt(length)));
    const [speaker, recordings] = speakers[index] as [string, readonly Recording[]];
    return { speaker, recordings };
  }

  /** At most `longest` samples of a recording, from a random place, clean speech at one level. */
  async #piece(
    recording: Recording,
    content: Content,
    { longest, speed }: { longest: number; speed: number },
    random: Random,
  ): Promise<Float32Array> {
    const whole = await this.library.load(recording);
    const length = Math.ceil(longest * speed);
    const start = random.integer(0, Math.max(0, whole.length - length));
    const piece = played(whole.slice(start, start + length), speed);
    if (content === 'wild') return piece;
    return scaled(piece, composedLevelDb - activeLevelDb(piece, speechActivity(piece)));
  }
}

function place(samples: Float32Array, active: Uint8Array, at: number, piece: Float32Array, isSpeech: boolean): void {
  const length = Math.min(piece.length, samples.length - at);
  for (let n = 0; n < length; n++) {
    const fade = Math.min(1, (n + 1) / fadeSamples, (piece.length - n) / fadeSamples);
    samples[at + n] = fade * (piece[n] as number);
  }
  if (!isSpeech) return;
  const activity = speechActivity(piece).subarray(0, Math.floor(length / hopSamples));
  active.set(activity, at / hopSamples);
}

function bySpeaker(recordings: readonly Recording[]): Map<string, Recording[]> {
  const speakers = new Map<string, Recording[]>();
  for (const recording of recordings) {
    const speaker = recording.speaker ?? recording.id;
    speakers.set(speaker, [...(speakers.get(speaker) ?? []), recording]);
  }
  return speakers;
}
