import { dirname, join } from 'node:path';
import { z } from 'zod';
import { TrainingError } from '../run/errors.ts';
import { checkConfiguration, parseFile } from '../run/files.ts';
import type { Random } from '../run/random.ts';
import { chopModes } from './chop.ts';

/**
 * The recipe file of `degrade`: what is simulated, how often and how strongly. A quantity is a number, a range [low,
 * high] drawn uniformly, { log: [low, high] } drawn uniformly on a logarithmic scale, or { choose: [...] }.
 */
const pair = z.tuple([z.number(), z.number()]).refine(([low, high]) => low <= high, { error: 'expected low <= high' });
const quantity = z.union([
  z.number(),
  pair,
  z.strictObject({ log: pair.refine(([low]) => low > 0, { error: 'expected low > 0' }) }),
  z.strictObject({ choose: z.array(z.number()).min(1) }),
]);
const share = z.number().min(0).max(1);
/** How often a step is applied; default 1: always. */
const probability = share.default(1);

const simpleSteps = [
  /** Convolution with an impulse response of the corpus (kind rir) whose id matches `files`. */
  z.strictObject({ step: z.literal('room'), probability, files: z.string().optional() }),
  /** A made-up room: seconds in which its sound decays by 60 dB, and energy of the direct sound over the rest, dB. */
  z.strictObject({ step: z.literal('made-room'), probability, decaySeconds: quantity, directDb: quantity }),
  /** A noise of the corpus whose id matches `files`, so many dB below the speech (below 0: louder than it). */
  z.strictObject({ step: z.literal('noise'), probability, snrDb: quantity, files: z.string().optional() }),
  z.strictObject({ step: z.literal('lowpass'), probability, hz: quantity, order: z.number().int().default(8) }),
  z.strictObject({ step: z.literal('highpass'), probability, hz: quantity, order: z.number().int().default(4) }),
  /** Overdrive: this share of the samples, 0 to 1, lies at the limit. */
  z.strictObject({ step: z.literal('clip'), probability, share: quantity }),
  /** Sets the level of the active speech, dB relative to a square wave of full scale; what exceeds it is clipped. */
  z.strictObject({ step: z.literal('level'), probability, dbov: quantity }),
  /** A noise gate: what is so many dB below the active speech is muted, after a hold. */
  z.strictObject({ step: z.literal('gate'), probability, belowDb: quantity, holdMs: quantity.default(50) }),
  /** Spectral subtraction: noise estimate times `factor` is taken away, not below `floorDb` (over-suppression: 3 and more). */
  z.strictObject({ step: z.literal('suppress'), probability, factor: quantity, floorDb: quantity.default(-25) }),
  /** Pieces of the waveform are replaced by silence, as by a starved sound device. */
  z.strictObject({ step: z.literal('dropouts'), probability, ratio: quantity, ms: quantity.default(20) }),
  /** Parts of `ms` are played at another speed until `ratio` of the clip is: by `factor` slower and faster in turn. */
  z.strictObject({
    step: z.literal('stretch'),
    probability,
    ratio: quantity,
    factor: quantity.default([1.1, 1.6]),
    ms: quantity.default([60, 400]),
  }),
  /** Choppy speech: pieces of `ms`, so many a second, in one of the modes; `regular`: share of the clips in which they lie at equal distances. */
  z.strictObject({
    step: z.literal('chop'),
    probability,
    modes: z
      .array(z.enum(chopModes))
      .min(1)
      .default([...chopModes]),
    ms: quantity,
    perSecond: quantity,
    regular: share.default(0.5),
  }),
  /** The talker's own echo: gain of the first one, and of each next one over the one before (0: a single echo). */
  z.strictObject({
    step: z.literal('echo'),
    probability,
    delayMs: quantity,
    gain: quantity,
    feedback: quantity.default(0),
  }),
  /** Another speaker of the corpus, so many dB below the first. */
  z.strictObject({ step: z.literal('second-talker'), probability, snrDb: quantity }),
  /** Modulated noise of ITU-T P.810, so many dB below the speech. */
  z.strictObject({ step: z.literal('mnru'), probability, qDb: quantity }),
  /** A level control that breathes: what lies less than `belowDb` below the active speech is compressed by `ratio`. */
  z.strictObject({
    step: z.literal('pump'),
    probability,
    belowDb: quantity.default([5, 25]),
    ratio: quantity.default([2, 10]),
    releaseMs: quantity.default({ log: [50, 800] }),
  }),
  /** Amplified by so many dB and clipped at full scale, as by a microphone input that is turned up too far. */
  z.strictObject({ step: z.literal('overload'), probability, gainDb: quantity }),
  /** One of the recipe's `codecs`, or one of several. */
  z.strictObject({ step: z.literal('codec'), probability, names: z.array(z.string()).min(1) }),
] as const;

export type SimpleStep = z.output<(typeof simpleSteps)[number]>;
export type Step =
  | SimpleStep
  /** Exactly one of the chains, by weight. */
  | { step: 'oneOf'; probability: number; choices: { weight: number; chain: Step[] }[] };

const step: z.ZodType<Step> = z.lazy(() =>
  z.discriminatedUnion('step', [
    ...simpleSteps,
    z.strictObject({
      step: z.literal('oneOf'),
      probability,
      choices: z.array(z.strictObject({ weight: z.number().positive(), chain: z.array(step) })).min(1),
    }),
  ]),
) as z.ZodType<Step>;

/**
 * A codec by a command template, run by `sh -c`: {input} is a 16 kHz mono WAV file, {output} any audio file the command
 * writes, {work} an empty folder, and every other {name} one of `parameters`.
 */
const codec = z.strictObject({
  command: z.string(),
  parameters: z.record(z.string(), quantity).default({}),
  /** Upper end of what the codec carries, Hz; 8000 = all. Below 6500 it is a band limit. */
  bandHz: z.number().positive().max(8000).default(8000),
  /** False for a codec whose coding cannot be heard, as G.711. */
  audible: z.boolean().default(true),
});

/** How packets get lost: mean share, and mean length of a burst (1 = at random), packets. */
const loss = z.strictObject({ probability, ratio: quantity, burst: quantity.default(1) });

/** The last leg, into the engine that serves live calls. */
const leg = z.discriminatedUnion('codec', [
  z.strictObject({
    codec: z.literal('opus'),
    weight: z.number().positive(),
    bitrate: quantity,
    frameMs: quantity.default(20),
    complexity: quantity.default(9),
    /** Share of the calls with in-band FEC, and with discontinuous transmission. */
    fec: share.default(0.5),
    dtx: share.default(0.2),
    /** Highest audio bandwidth, Hz: 4000, 6000, 8000, 12000, 20000; 0 = the encoder decides. */
    maxBandwidthHz: quantity.default(0),
    loss: loss.optional(),
  }),
  z.strictObject({ codec: z.enum(['pcmu', 'pcma']), weight: z.number().positive(), loss: loss.optional() }),
  /** The samples as they are. */
  z.strictObject({ codec: z.literal('pcm'), weight: z.number().positive() }),
]);

const content = z.strictObject({
  /** Share of the clips with speech of one clean speaker, degraded by the chain. */
  speech: z.number().min(0),
  /** Share with recordings of real devices; `wildAltered`: how often such a one is altered as speech is (speed, tone, chain) before the last leg. */
  wild: z.number().min(0).default(0),
  wildAltered: share.default(0),
  /** Share with noise and no speech. `noiseFiles`: pattern of the ids that surely hold no voice. */
  noise: z.number().min(0).default(0),
  noiseFiles: z.string().optional(),
  /** Share with made-up music and no speech. */
  music: z.number().min(0).default(0),
});

export const recipeSchema = z.strictObject({
  name: z.string().min(1),
  /** Length of a clip before the talk gate, seconds. */
  seconds: quantity.default([8, 10]),
  /** Pauses between the utterances of a clip, seconds. */
  gapSeconds: quantity.default([0.1, 0.8]),
  /** Speed at which the speech of a clip, and each of its noises, is played: other talkers, other noises. */
  speechSpeed: quantity.default(1),
  noiseSpeed: quantity.default(1),
  /** How far their spectra are bent, as by other microphones: standard deviation of the gains, dB. */
  speechToneDb: quantity.default(0),
  noiseToneDb: quantity.default(0),
  content: content.prefault({ speech: 1 }),
  chain: z.array(step),
  codecs: z.record(z.string(), codec).default({}),
  legs: z.array(leg).min(1),
});

export type Quantity = z.infer<typeof quantity>;
export type Codec = z.output<typeof codec>;
export type Leg = z.output<typeof leg>;
export type Loss = z.output<typeof loss>;
export type Recipe = z.output<typeof recipeSchema>;

/**
 * Reads a recipe (YAML or JSON); every codec that a step names must be there. What a recipe does not say itself, it takes
 * from the one that its `base` names, if it has one: a file beside it.
 */
export function readRecipe(path: string): Recipe {
  const recipe = checkConfiguration(withBase(path), recipeSchema, path);
  const known = Object.keys(recipe.codecs);
  const unknown = namesOf(recipe.chain).filter((name) => !known.includes(name));
  const none = z.custom<Recipe>(() => unknown.length === 0, {
    error: `the chain names codecs that are not under codecs: ${unknown.join(', ')}`,
  });
  return checkConfiguration(recipe, none, path);
}

function withBase(path: string, above: readonly string[] = []): unknown {
  const read = parseFile(path);
  if (typeof read !== 'object' || read === null || !('base' in read)) return read;
  const { base, ...own } = read;
  const file = typeof base === 'string' ? join(dirname(path), base) : undefined;
  if (file === undefined) throw new TrainingError('invalid-input', `${path}: base: expected the name of a recipe`);
  if ([...above, path].includes(file))
    throw new TrainingError('invalid-input', `${path}: base: ${file} is itself made from this recipe`);
  const from = withBase(file, [...above, path]);
  return typeof from === 'object' && from !== null ? { ...from, ...own } : from;
}

function namesOf(chain: readonly Step[]): string[] {
  return chain.flatMap((step) => {
    if (step.step === 'codec') return step.names;
    return step.step === 'oneOf' ? step.choices.flatMap((choice) => namesOf(choice.chain)) : [];
  });
}

/** Draws a quantity. */
export function draw(quantity: Quantity, random: Random): number {
  if (typeof quantity === 'number') return quantity;
  if (Array.isArray(quantity)) return random.uniform(...quantity);
  if ('choose' in quantity) return random.pick(quantity.choose);
  const [low, high] = quantity.log;
  return Math.exp(random.uniform(Math.log(low), Math.log(high)));
}
