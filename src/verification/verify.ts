import type { NativeAddon } from '../engine/contract.ts';
import { loadNative } from '../engine/load.ts';
import { loadModel, manifestPath } from '../model/load.ts';
import type { Model } from '../model/model.ts';
import { frameMs } from '../model/window-shape.ts';
import { networksOf, readExpectedScores, writeExpectedScores } from './expected-scores.ts';
import { scoreLive, startMs } from './live-scores.ts';
import { readSpeech, type SpeechRecording } from './speech.ts';
import { scoreWhole } from './whole-score.ts';

/** Scores of the same sound may differ by this much, MOS: live and computed offline, whose features differ by their rounding ... */
const formTolerance = 0.01;
/** ... alone and in a batch with other streams, where sums are made in another order ... */
const companyTolerance = 0.005;
/** ... and on different processors. */
const expectedTolerance = 0.02;

/** What was compared. Differences: the largest, MOS. */
export interface Verification {
  readonly model: Model;
  /** Live MOS of each recording that the package brings, in the order of time. */
  readonly scores: Readonly<Record<string, readonly number[]>>;
  readonly differences: {
    /** Live, as in a call, and the same windows computed offline. */
    readonly forms: number;
    /** Live alone, and in a batch with other streams. */
    readonly company: number;
    /** Live, and what was written down where the model was made; undefined when nothing was. */
    readonly expected?: number;
  };
}

/**
 * Loads a model, which checks hashes, constants and shapes, and lets it score the speech that the package brings: as
 * packets of a call, computed offline, and in a batch with other streams. All must agree with each other and with the expected
 * scores next to the manifest.
 *
 * @param nameOrPath - as in `loadModel`
 * @throws {ModelLoadError} when the model cannot be used
 * @throws {Error} when it does not agree, saying where
 */
export async function verifyModel(nameOrPath: string): Promise<Verification> {
  const addon = loadNative();
  const model = await loadModel(nameOrPath, addon.features);
  try {
    const agreed = await checkAgreement(model, addon);
    const expected = await readExpectedScores(await manifestPath(nameOrPath), model.manifest);
    if (expected === undefined) return agreed;
    const names = new Set([...Object.keys(agreed.scores), ...Object.keys(expected.scores)]);
    const differences = [...names].map((name) =>
      compareAll(name, 'here', agreed.scores[name], 'expected', expected.scores[name], expected.tolerance),
    );
    return { ...agreed, differences: { ...agreed.differences, expected: Math.max(...differences) } };
  } finally {
    await model.close();
  }
}

/**
 * Records the scores of a model here next to its manifest, once it agrees with itself, for `verifyModel` to compare with
 * elsewhere. Returns the file.
 *
 * @throws as `verifyModel` does
 */
export async function expectScores(nameOrPath: string): Promise<string> {
  const addon = loadNative();
  const model = await loadModel(nameOrPath, addon.features);
  try {
    const { scores } = await checkAgreement(model, addon);
    const rounded = Object.entries(scores).map(([name, values]) => [name, values.map((mos) => Number(mos.toFixed(4)))]);
    return await writeExpectedScores(await manifestPath(nameOrPath), {
      networks: networksOf(model.manifest),
      tolerance: expectedTolerance,
      scores: Object.fromEntries(rounded),
    });
  } finally {
    await model.close();
  }
}

/**
 * Lets a model score speech in all ways.
 *
 * @throws {Error} when its scores differ between them, or it has none
 */
export async function checkAgreement(model: Model, addon: NativeAddon): Promise<Verification> {
  const recordings = readSpeech();
  const scores: Record<string, number[]> = {};
  let forms = 0;
  for (const recording of recordings) {
    const { name, packets } = recording;
    const heard = await scoresOf(model, addon, [recording]);
    const live = heard[0] as LiveScore[];
    if (live.length === 0) throw new Error(`it has no score for recorded speech ('${name}')`);
    scores[name] = live.map(({ mosLqo }) => mosLqo);
    const samples = addon.decodeOpus([...packets]);
    for (const { mosLqo, firstFrame, frames } of live.filter((score) => isWhole(model, score, live[0] as LiveScore))) {
      const whole = await scoreWhole(model, addon, samples, firstFrame, frames);
      forms = Math.max(forms, compare(name, 'live', mosLqo, 'computed offline', whole, formTolerance));
    }
  }
  const crowd = [...recordings, ...recordings, ...recordings];
  const together = await scoresOf(model, addon, crowd);
  const company = crowd.map(({ name }, index) => {
    const batched = (together[index] as LiveScore[]).map(({ mosLqo }) => mosLqo);
    return compareAll(name, 'alone', scores[name], 'in a batch', batched, companyTolerance);
  });
  return { model, scores, differences: { forms, company: Math.max(...company) } };
}

/** A live score and its window, in frames of 10 ms from the beginning of the recording. */
interface LiveScore {
  readonly mosLqo: number;
  readonly firstFrame: number;
  readonly frames: number;
}

async function scoresOf(
  model: Model,
  addon: NativeAddon,
  recordings: readonly SpeechRecording[],
): Promise<LiveScore[][]> {
  const heard = await scoreLive(model, addon, recordings);
  return heard.map((events) =>
    events.flatMap((event) => {
      if (event.type !== 'score') return [];
      const firstFrame = Math.round((event.windowStart - startMs) / frameMs);
      const frames = Math.round((event.windowEnd - startMs) / frameMs) - firstFrame;
      return [{ mosLqo: event.mosLqo, firstFrame, frames }];
    }),
  );
}

/**
 * Whether all that a score rests on lies in its window: a trunk remembers what came before, and its gains were fixed by it.
 * The recordings have no pause that would be left out of a window.
 */
const isWhole = (model: Model, score: LiveScore, first: LiveScore) =>
  model.form === 'windowed' || score.firstFrame === first.firstFrame;

/** Returns the difference of two scores. */
function compare(name: string, one: string, its: number, other: string, others: number, tolerance: number): number {
  const difference = Math.abs(its - others);
  if (difference <= tolerance) return difference;
  throw new Error(
    `a score of '${name}' is ${its.toFixed(3)} ${one} and ${others.toFixed(3)} ${other}: at most ${tolerance} may lie between them`,
  );
}

/** Returns the largest difference of two rows of scores of a recording. */
function compareAll(
  name: string,
  one: string,
  its: readonly number[] = [],
  other: string,
  others: readonly number[] = [],
  tolerance: number,
): number {
  if (its.length !== others.length) {
    throw new Error(`'${name}' has ${its.length} scores ${one} and ${others.length} ${other}`);
  }
  return Math.max(...its.map((mos, index) => compare(name, one, mos, other, others[index] as number, tolerance)));
}
