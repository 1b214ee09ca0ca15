import type { NativeAddon } from '../../../src/engine/contract.ts';
import type { Cause } from '../../../src/events.ts';
import { hopSamples } from '../audio/level.ts';
import { AudioLibrary } from '../corpus/library.ts';
import type { Recording, Split } from '../corpus/manifest.ts';
import { Random } from '../run/random.ts';
import { type Applied, applyChain, type Supplies } from './chain.ts';
import { type Composed, type Content, Ingredients } from './compose.ts';
import { arriving, type DrawnLeg, drawLeg, type Encoded, encoded } from './leg.ts';
import { type Heard, type ListenOptions, listen } from './listen.ts';
import type { Recipe } from './recipe.ts';
import { referenceOf } from './reference.ts';
import { causesOf, runLengths } from './truth.ts';

/** What is known of a clip: one line of a shard's JSONL file. */
export interface ClipTruth {
  /** Number of the clip in its run. */
  index: number;
  split: Split;
  content: Content;
  speaker?: string;
  /** At which its recordings were played. */
  speed: number;
  sources: string[];
  applied: Applied[];
  leg: DrawnLeg;
  /** Null where it is not known: recordings of real devices. */
  causes: Record<Cause, 0 | 1> | null;
  /** Frames of 10 ms that passed the talk gate. */
  frames: number;
  /** Where somebody speaks, as run lengths of frames beginning with silence; null where it is not known. */
  speech: number[] | null;
  /** Share of the frames that stand for lost packets. */
  lostRatio: number;
  /** Opus audio bandwidth, Hz; 0 = not Opus. */
  bandwidthHz: number;
  /** Frames of its reference; 0: nothing happened to the clip in time, or nobody speaks. Absent in runs of before there were any. */
  referenceFrames?: number;
}

export interface MadeClip {
  truth: ClipTruth;
  heard: Heard;
  /** The clip without what happened to it in time, 16 kHz; absent where nothing did. */
  reference?: Float32Array;
}

/** Longest clip that is kept, frames: the newest are (7.68 s). */
export const longestFrames = 768;

/** Engine settings of the live scorer. */
export const listenOptions: ListenOptions = { reorderMs: 60, concealMs: 120, gapMs: 1000 };

/** Makes the clips of one split. A clip depends on the seed and its index alone. */
export class ClipMaker {
  readonly #addon: NativeAddon;
  readonly #recipe: Recipe;
  readonly #split: Split;
  readonly #seed: number;
  readonly #ingredients: Ingredients;
  readonly #supplies: Supplies;

  constructor({ addon, recordings, recipe, split, seed }: ClipMakerOptions) {
    const usable = recordings.filter((recording) => recording.split === split);
    const library = new AudioLibrary();
    this.#addon = addon;
    this.#recipe = recipe;
    this.#split = split;
    this.#seed = seed;
    this.#ingredients = new Ingredients(usable, recipe, library);
    const ofKind = (kind: string) => usable.filter((recording) => recording.kind === kind);
    this.#supplies = {
      voices: ofKind('speech'),
      ...{ noises: ofKind('noise'), noiseSpeed: recipe.noiseSpeed, noiseToneDb: recipe.noiseToneDb },
      ...{ rooms: ofKind('rir'), codecs: recipe.codecs, library },
    };
  }

  async make(index: number): Promise<MadeClip> {
    const random = (use: string) => Random.derive(this.#seed, 'degrade', this.#split, index, use);
    const clip = await this.#ingredients.compose(this.#recipe, random('compose'));
    const applied = clip.altered ? await applyChain(clip, this.#recipe.chain, this.#supplies, random('chain')) : [];
    const { legs } = this.#recipe;
    const chosen = legs[random('leg').weighted(legs.map(({ weight }) => weight))] as (typeof legs)[number];
    const leg = drawLeg(chosen, random('leg parameters'));
    const sent = await encoded(clip.samples, leg, this.#addon);
    const { arrivals, types } = arriving(sent, leg, random('loss'));
    const whole = listen(this.#addon, arrivals, types, listenOptions);
    const heard = newest(whole, longestFrames);
    const reference = await this.#reference(clip, sent, leg, heard);
    const speech = Uint8Array.from(heard.timesMs, (timeMs) => clip.speech[Math.max(0, Math.round(timeMs / 10))] ?? 0);
    const truth: ClipTruth = {
      ...{ index, split: this.#split, content: clip.content },
      ...(clip.speaker === undefined ? {} : { speaker: clip.speaker }),
      ...{ speed: clip.speed, sources: clip.sources, applied, leg },
      causes: clip.content === 'wild' ? null : causesOf(applied, leg, whole),
      frames: heard.frames,
      speech: clip.content === 'wild' ? null : runLengths(speech),
      ...{ lostRatio: whole.lostRatio, bandwidthHz: whole.bandwidthHz },
      referenceFrames: (reference?.length ?? 0) / hopSamples,
    };
    return { truth, heard, ...(reference ? { reference } : {}) };
  }

  /** Nothing where nothing happened in time, or nobody speaks. */
  async #reference(clip: Composed, sent: Encoded, leg: DrawnLeg, heard: Heard): Promise<Float32Array | undefined> {
    const isSpeech = clip.content === 'speech' || clip.content === 'wild';
    const isLossy = leg.codec !== 'pcm' && leg.loss !== null;
    if (!isSpeech || !(clip.before || isLossy)) return undefined;
    const sentBefore = clip.before ? await encoded(clip.before, leg, this.#addon) : sent;
    return referenceOf(clip, sentBefore, leg, heard, { addon: this.#addon, options: listenOptions });
  }
}

export interface ClipMakerOptions {
  addon: NativeAddon;
  recordings: readonly Recording[];
  recipe: Recipe;
  split: Split;
  seed: number;
}

function newest(heard: Heard, frames: number): Heard {
  if (heard.frames <= frames) return heard;
  const perFrame = (values: Float32Array) => values.subarray((values.length / heard.frames) * (heard.frames - frames));
  return {
    ...heard,
    frames,
    pcm: perFrame(heard.pcm),
    logMel: perFrame(heard.logMel),
    peaks: perFrame(heard.peaks),
    timesMs: heard.timesMs.subarray(heard.frames - frames),
  };
}
