import { played } from '../audio/speed.ts';
import { toned } from '../audio/tone.ts';
import type { AudioLibrary } from '../corpus/library.ts';
import type { Recording } from '../corpus/manifest.ts';
import { TrainingError } from '../run/errors.ts';
import type { Random } from '../run/random.ts';
import { type ChopMode, chopped } from './chop.ts';
import { drawParameters, throughCodec } from './codec.ts';
import { echoed } from './echo.ts';
import { mnru } from './mnru.ts';
import { overloaded } from './overload.ts';
import { pumped } from './pump.ts';
import { type Codec, draw, type Quantity, type SimpleStep, type Step } from './recipe.ts';
import { withSecondTalker } from './second-talker.ts';
import {
  addNoise,
  type Clip,
  clarityDb,
  dropouts,
  gate,
  highpass,
  lowpass,
  madeRoom,
  overdrive,
  room,
  setLevel,
  stretched,
} from './steps.ts';
import { suppress } from './suppress.ts';

/** One degradation as it was applied: the truth of the simulation. */
export type Applied =
  | { step: 'room'; file: string; clarityDb: number }
  | { step: 'made-room'; decaySeconds: number; directDb: number; clarityDb: number }
  | { step: 'noise'; file: string; snrDb: number; speed: number }
  | { step: 'lowpass' | 'highpass'; hz: number }
  | { step: 'clip'; share: number }
  /** `clipped`: share of samples at full scale afterwards. */
  | { step: 'level'; dbov: number; clipped: number }
  | { step: 'gate'; belowDb: number; holdMs: number }
  | { step: 'suppress'; factor: number; floorDb: number }
  | { step: 'dropouts'; ratio: number; ms: number }
  | { step: 'stretch'; ratio: number; factor: number; ms: number }
  | { step: 'chop'; mode: ChopMode; ms: number; perSecond: number; regular: boolean }
  | { step: 'echo'; delayMs: number; gain: number; feedback: number }
  | { step: 'second-talker'; file: string; snrDb: number }
  | { step: 'mnru'; qDb: number }
  | { step: 'pump'; belowDb: number; ratio: number; releaseMs: number }
  /** `clipped`: share of samples at full scale afterwards. */
  | { step: 'overload'; gainDb: number; clipped: number }
  | { step: 'codec'; name: string; parameters: Record<string, number>; bandHz: number; audible: boolean };

/** What the steps take their noises, rooms and codecs from. */
export interface Supplies {
  /** Clean speech: second talkers. */
  voices: readonly Recording[];
  noises: readonly Recording[];
  rooms: readonly Recording[];
  /** At which noises are played. */
  noiseSpeed: Quantity;
  /** How far their spectra are bent, dB. */
  noiseToneDb: Quantity;
  codecs: Readonly<Record<string, Codec>>;
  library: AudioLibrary;
}

/** Steps that happen in time: a full-reference metric compares the clip before the first of them with what comes out. */
const inTime: readonly Applied['step'][] = ['chop', 'echo', 'second-talker', 'mnru', 'dropouts'];

/** A clip, and who speaks in it, where that is known. */
type SpokenClip = Clip & { speaker?: string };

/** Applies a chain to a clip, each step with its probability, and returns what was applied. */
export async function applyChain(
  clip: SpokenClip,
  chain: readonly Step[],
  supplies: Supplies,
  random: Random,
): Promise<Applied[]> {
  const applied: Applied[] = [];
  for (const step of chain) {
    if (!random.chance(step.probability)) continue;
    if (step.step === 'oneOf') {
      const choice = step.choices[random.weighted(step.choices.map(({ weight }) => weight))];
      applied.push(...(await applyChain(clip, choice?.chain ?? [], supplies, random)));
    } else {
      applied.push(await applyStep(clip, step, supplies, random));
    }
  }
  return applied;
}

/** Replaces the clip's samples by the degraded ones. */
async function applyStep(clip: SpokenClip, step: SimpleStep, supplies: Supplies, random: Random): Promise<Applied> {
  if (inTime.includes(step.step)) clip.before ??= clip.samples;
  switch (step.step) {
    case 'room': {
      const recording = pickMatching(supplies.rooms, step.files, 'room', random);
      const response = await supplies.library.load(recording);
      clip.samples = room(clip, response);
      return { step: 'room', file: recording.id, clarityDb: clarityDb(response) };
    }
    case 'made-room': {
      const [decaySeconds, directDb] = [draw(step.decaySeconds, random), draw(step.directDb, random)];
      const response = madeRoom(decaySeconds, directDb, random);
      clip.samples = room(clip, response);
      return { step: 'made-room', decaySeconds, directDb, clarityDb: clarityDb(response) };
    }
    case 'noise': {
      const recording = pickMatching(supplies.noises, step.files, 'noise', random);
      const snrDb = draw(step.snrDb, random);
      const speed = draw(supplies.noiseSpeed, random);
      const noise = partPlayed(await supplies.library.load(recording), speed, clip.samples.length, random);
      const bent = toned(noise, draw(supplies.noiseToneDb, random), random);
      clip.samples = addNoise(clip, bent, snrDb, random);
      return { step: 'noise', file: recording.id, snrDb, speed };
    }
    case 'lowpass': {
      const hz = draw(step.hz, random);
      clip.samples = lowpass(clip, hz, step.order);
      return { step: 'lowpass', hz };
    }
    case 'highpass': {
      const hz = draw(step.hz, random);
      clip.samples = highpass(clip, hz, step.order);
      return { step: 'highpass', hz };
    }
    case 'clip': {
      const share = draw(step.share, random);
      clip.samples = overdrive(clip, share);
      return { step: 'clip', share };
    }
    case 'level': {
      const dbov = draw(step.dbov, random);
      clip.samples = setLevel(clip, dbov);
      return { step: 'level', dbov, clipped: fullScaleShare(clip.samples) };
    }
    case 'gate': {
      const [belowDb, holdMs] = [draw(step.belowDb, random), draw(step.holdMs, random)];
      clip.samples = gate(clip, belowDb, holdMs);
      return { step: 'gate', belowDb, holdMs };
    }
    case 'suppress': {
      const [factor, floorDb] = [draw(step.factor, random), draw(step.floorDb, random)];
      clip.samples = suppress(clip.samples, factor, floorDb);
      return { step: 'suppress', factor, floorDb };
    }
    case 'dropouts': {
      const [ratio, ms] = [draw(step.ratio, random), draw(step.ms, random)];
      clip.samples = dropouts(clip, ratio, ms, random);
      return { step: 'dropouts', ratio, ms };
    }
    case 'stretch': {
      const [ratio, factor, ms] = [draw(step.ratio, random), draw(step.factor, random), draw(step.ms, random)];
      Object.assign(clip, stretched(clip, { ratio, factor, ms }, random));
      return { step: 'stretch', ratio, factor, ms };
    }
    case 'chop': {
      const [ms, perSecond] = [draw(step.ms, random), draw(step.perSecond, random)];
      const chops = { mode: random.pick(step.modes), ms, perSecond, regular: random.chance(step.regular) };
      Object.assign(clip, chopped(clip, chops, random));
      return { step: 'chop', ...chops };
    }
    case 'echo': {
      const [delayMs, gain, feedback] = [
        draw(step.delayMs, random),
        draw(step.gain, random),
        draw(step.feedback, random),
      ];
      clip.samples = echoed(clip.samples, { delayMs, gain, feedback });
      return { step: 'echo', delayMs, gain, feedback };
    }
    case 'second-talker': {
      const others = supplies.voices.filter(({ id, speaker }) => (speaker ?? id) !== clip.speaker);
      const recording = pickMatching(others, undefined, 'speech', random);
      const snrDb = draw(step.snrDb, random);
      const voice = partPlayed(await supplies.library.load(recording), 1, clip.samples.length, random);
      Object.assign(clip, withSecondTalker(clip, voice, snrDb));
      return { step: 'second-talker', file: recording.id, snrDb };
    }
    case 'mnru': {
      const qDb = draw(step.qDb, random);
      clip.samples = mnru(clip.samples, qDb, random);
      return { step: 'mnru', qDb };
    }
    case 'pump': {
      const [belowDb, ratio, releaseMs] = [
        draw(step.belowDb, random),
        draw(step.ratio, random),
        draw(step.releaseMs, random),
      ];
      clip.samples = pumped(clip, { belowDb, ratio, releaseMs });
      return { step: 'pump', belowDb, ratio, releaseMs };
    }
    case 'overload': {
      const gainDb = draw(step.gainDb, random);
      clip.samples = overloaded(clip.samples, gainDb);
      return { step: 'overload', gainDb, clipped: fullScaleShare(clip.samples) };
    }
    case 'codec': {
      const name = random.pick(step.names);
      const codec = supplies.codecs[name] as Codec;
      const parameters = drawParameters(codec, random);
      clip.samples = await throughCodec(clip.samples, codec, parameters);
      return { step: 'codec', name, parameters, bandHz: codec.bandHz, audible: codec.audible };
    }
  }
}

function pickMatching(
  recordings: readonly Recording[],
  files: string | undefined,
  kind: string,
  random: Random,
): Recording {
  const pattern = new RegExp(files ?? '');
  const matching = recordings.filter(({ id }) => pattern.test(id));
  if (matching.length === 0) {
    throw new TrainingError(
      'invalid-input',
      `this split has no ${kind} recordings${files ? ` that match ${files}` : ''}`,
    );
  }
  return random.pick(matching);
}

/** At another speed, of a longer recording just what fills `samples`, from a random place on. */
function partPlayed(recording: Float32Array, speed: number, samples: number, random: Random): Float32Array {
  if (speed === 1) return recording;
  const length = Math.min(recording.length, Math.ceil(samples * speed));
  const start = random.integer(0, recording.length - length);
  return played(recording.subarray(start, start + length), speed);
}

function fullScaleShare(samples: Float32Array): number {
  return samples.filter((sample) => Math.abs(sample) >= 1).length / samples.length;
}
