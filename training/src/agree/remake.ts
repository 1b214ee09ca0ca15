import { hopSamples } from '../audio/level.ts';
import { AudioLibrary } from '../corpus/library.ts';
import type { Recording } from '../corpus/manifest.ts';
import { applyChain, type Supplies } from '../degrade/chain.ts';
import { type Composed, Ingredients } from '../degrade/compose.ts';
import type { Recipe, Step } from '../degrade/recipe.ts';
import { Random } from '../run/random.ts';

/** Speech of one talker, undegraded. */
export interface Talk {
  speaker: string;
  clip: Composed;
}

/** Makes listeners' conditions, and sweeps, of the speech of a few talkers. The same seed gives the same speech. */
export class Remaker {
  readonly #recordings: readonly Recording[];
  readonly #recipe: Recipe;
  readonly #supplies: Supplies;
  readonly #library = new AudioLibrary();
  readonly #seed: number;

  /** @param recordings - what speech, second talkers and noise are taken from */
  constructor({ recordings, recipe, seed }: { recordings: readonly Recording[]; recipe: Recipe; seed: number }) {
    const ofKind = (kind: string) => recordings.filter((recording) => recording.kind === kind);
    this.#recordings = recordings;
    this.#recipe = recipe;
    this.#seed = seed;
    this.#supplies = {
      ...{ voices: ofKind('speech'), noises: ofKind('noise'), rooms: ofKind('rir') },
      ...{ noiseSpeed: 1, noiseToneDb: 0, codecs: recipe.codecs, library: this.#library },
    };
  }

  /** Speech of so many talkers, those with most of it. */
  async talks(talkers: number): Promise<Talk[]> {
    const seconds = new Map<string, number>();
    for (const { kind, speaker, id, seconds: own } of this.#recordings) {
      if (kind === 'speech') seconds.set(speaker ?? id, (seconds.get(speaker ?? id) ?? 0) + own);
    }
    const chosen = [...seconds].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, talkers);
    const talks: Talk[] = [];
    for (const [speaker] of chosen) {
      const own = this.#recordings.filter((recording) => (recording.speaker ?? recording.id) === speaker);
      const ingredients = new Ingredients(own, this.#recipe, this.#library);
      const clip = await ingredients.compose(this.#recipe, Random.derive(this.#seed, 'talk', speaker));
      talks.push({ speaker, clip });
    }
    return talks;
  }

  /** The speech after a chain of steps: the samples before what happens in time, and after. */
  async through(talk: Talk, chain: readonly Step[], name: string): Promise<Composed> {
    const clip: Composed = { ...talk.clip };
    await applyChain(clip, chain, this.#supplies, Random.derive(this.#seed, 'condition', name, talk.speaker));
    // Where pieces were cut out, the end is silent: it is left out.
    const end = clip.origin?.findIndex((place) => place >= talk.clip.samples.length) ?? -1;
    if (end < 0) return clip;
    const frames = Math.floor(end / hopSamples);
    return { ...clip, samples: clip.samples.subarray(0, frames * hopSamples), speech: clip.speech.subarray(0, frames) };
  }
}
