import { mkdirSync } from 'node:fs';
import type { ModelManifest } from '../../../src/model/manifest.ts';
import { normalQuantile } from '../../../src/scoring/interval.ts';
import { TrainingError } from '../run/errors.ts';
import { writeAtomically, writeCsv } from '../run/files.ts';
import { type Progress, silentProgress } from '../run/progress.ts';
import { RunFolder } from '../run/run-folder.ts';
import { auc, decide, f1, falseAlarmRate, mean } from '../statistics/statistics.ts';
import { causeNames } from '../student/configuration.ts';
import { readEnsemble } from '../teach/description.ts';
import { TeacherEnsemble } from '../teach/teacher.ts';
import { compare, type Figure, type Pair, perCondition, rmseDifference } from './compare.ts';
import type { Heard } from './heard.ts';
import { ModelScorer, type Score } from './model-scorer.ts';
import { type SizedFigure, scatterPlot, sizePlot } from './plots.ts';
import { report } from './report.ts';
import type { GroupResult, Result } from './result.ts';
import { scoredShare } from './scored-share.ts';
import { type RatedClip, type RatedSet, readRatedSets, taughtSets } from './sets.ts';

export interface EvaluateOptions {
  out: string;
  /** Manifests. */
  models: readonly string[];
  /** Run folders of `teach`. */
  taught: readonly string[];
  /** Files that list rated sets. */
  rated: readonly string[];
  /** Ensemble files, to be compared with on sets of audio files. */
  teachers: readonly string[];
  seed: number;
  progress?: Progress;
}

/** As what it stands in tables: alone, and asked as in a call. */
type NamedScorer = ModelScorer & { readonly name: string; readonly nameInCall: string };

interface Scored {
  clip: RatedClip;
  score: Score;
}

/** Compares models, and named others, with ratings. Files: results.json, report.md, scores.csv, plots/. */
export async function evaluate({
  out,
  models,
  taught,
  rated,
  teachers,
  seed,
  progress = silentProgress,
}: EvaluateOptions): Promise<Result[]> {
  const run = RunFolder.open({ path: out, verb: 'evaluate', seed, configuration: { models, taught, rated, teachers } });
  const sets = [...taughtSets(taught), ...rated.flatMap(readRatedSets)];
  if (sets.length === 0) throw new TrainingError('invalid-input', 'there is no set to evaluate on');
  const described = teachers.map(readEnsemble);
  const told = sets.flatMap(({ clips }) => clips.flatMap(({ others }) => Object.keys(others)));
  const scorers = await loadModels(models, new Set([...told, ...described.map(({ name }) => name)]));
  const ensembles = await Promise.all(described.map((ensemble) => TeacherEnsemble.load(ensemble)));
  progress.start(sets.reduce((sum, { clips }) => sum + clips.length, 0));
  mkdirSync(run.file('plots'), { recursive: true });
  const results: Result[] = [];
  const rows: Parameters<typeof writeCsv>[1][number][] = [];
  for (const set of sets) {
    const byScorer = await scoreSet(set, scorers, ensembles, progress);
    const isRated = set.clips.some(({ rating }) => rating !== null);
    if (isRated) results.push(trivial(set, seed));
    for (const [scorer, scored] of byScorer) {
      const model = scorers.find(({ name, nameInCall }) => scorer === name || scorer === nameInCall);
      const live = scorer === model?.nameInCall ? await liveSpeechOf(model, set) : {};
      const result = {
        ...resultOf(set, scorer, scored, seed, model?.manifest),
        ...differenceOf(scorer, model, scorers[0], byScorer, seed),
        ...live,
      };
      if (result.perFile.n > 0 || result.speechlessClips) results.push(result);
      for (const { clip, score } of scored) {
        const { name, condition = '', rating } = clip;
        const sigma = Number.isNaN(score.sigma) ? null : score.sigma;
        rows.push({ set: set.name, scorer, clip: name, condition, rating, score: score.mos, sigma });
      }
    }
    if (!isRated) continue;
    writeAtomically(
      run.file('plots', `${fileName(set.name)}.svg`),
      await scatterPlot(set.reference, plotted(byScorer)),
    );
  }
  progress.stop();
  for (const scorer of [...scorers, ...ensembles]) await scorer.close();
  writeAtomically(run.file('results.json'), `${JSON.stringify(results, undefined, 2)}\n`);
  const figures = sizedFigures(results, ensembles);
  if (models.length > 1 && figures.length > 0) {
    writeAtomically(run.file('plots', 'sizes.svg'), await sizePlot(figures, 'parameters'));
    writeAtomically(run.file('plots', 'costs.svg'), await sizePlot(figures, 'msPerAudioSecond'));
  }
  writeAtomically(run.file('report.md'), report(results));
  writeCsv(run.file('scores.csv'), rows);
  run.finish();
  return results;
}

const inCall = (name: string) => `${name} in a call`;

/** Models by name; those of one name, or of one in `taken`, are told apart by their versions. */
async function loadModels(paths: readonly string[], taken: ReadonlySet<string>): Promise<NamedScorer[]> {
  const scorers = await Promise.all(paths.map((path) => ModelScorer.load(path)));
  const named = scorers.map((scorer): NamedScorer => {
    const { name, version } = scorer.manifest;
    const isOnly = !taken.has(name) && scorers.filter(({ manifest }) => manifest.name === name).length === 1;
    const shown = isOnly ? name : `${name} ${version}`;
    return Object.assign(scorer, { name: shown, nameInCall: scorer.streams ? inCall(shown) : shown });
  });
  const twice = named.find(({ name }, index) => named.findIndex((each) => each.name === name) < index);
  if (twice) throw new TrainingError('invalid-input', `${twice.path}: another model is ${twice.name}, too`);
  return named;
}

/** Every scorer's scores. A model in streaming form is also asked as in a call: each clip after the one before it. */
async function scoreSet(
  { clips }: RatedSet,
  scorers: readonly NamedScorer[],
  ensembles: readonly TeacherEnsemble[],
  progress: Progress,
): Promise<Map<string, Scored[]>> {
  const all = new Map<string, Scored[]>();
  const add = (scorer: string, clip: RatedClip, score: Score) =>
    all.set(scorer, [...(all.get(scorer) ?? []), { clip, score }]);
  let before: Heard | undefined = clips.length > 1 ? await (clips.at(-1) as RatedClip).hear() : undefined;
  for (const clip of clips) {
    const heard = await clip.hear();
    for (const scorer of scorers) {
      const { name, nameInCall } = scorer;
      if (scorer.hearsWaveform) {
        add(name, clip, await scorer.scoreWaveform(await clip.waveform()));
        continue;
      }
      if (heard.peaks.length < scorer.input.frames.multipleOf) continue;
      add(name, clip, await scorer.score(heard));
      if (scorer.streams && before) add(nameInCall, clip, await scorer.score(heard, before));
    }
    if ('samples' in heard && heard.samples) {
      for (const ensemble of ensembles) {
        add(ensemble.name, clip, { mos: (await ensemble.score(heard.samples)).mos, sigma: Number.NaN });
      }
    }
    for (const [name, mos] of Object.entries(clip.others)) add(name, clip, { mos, sigma: Number.NaN });
    before = heard;
    progress.advance();
  }
  return all;
}

/** How models do on each set, as in a call where they can, else alone; and teachers, where they are not the reference. */
function sizedFigures(results: readonly Result[], ensembles: readonly TeacherEnsemble[]): SizedFigure[] {
  const isAlsoInCall = ({ set, scorer }: Result) =>
    results.some((other) => other.set === set && other.scorer === inCall(scorer));
  const isLevel = ({ scorer, perFile }: Result) =>
    perFile.rmse.value > 0 && ensembles.some(({ name }) => name === scorer);
  return results.flatMap((result) => {
    const { set, scorer, model, cost, made, perFile } = result;
    if (!(perFile.n > 0) || isAlsoInCall(result) || !(cost || isLevel(result))) return [];
    const takes = cost && {
      model: model as string,
      made: made?.join(', ') ?? 'not stated',
      parameters: cost.parameters,
      msPerAudioSecond: cost.msPerAudioSecond ?? cost.msPerWindow,
    };
    const figure = (measure: SizedFigure['measure'], { value, low, high }: Figure): SizedFigure => ({
      ...{ set, scorer, measure, value, low, high },
      ...(takes ? { takes } : {}),
    });
    return [figure('PCC', perFile.pcc), figure('RMSE', perFile.rmse)];
  });
}

/** How a model does beside the first one, each alone, or each as in a call. */
function differenceOf(
  scorer: string,
  model: NamedScorer | undefined,
  first: NamedScorer | undefined,
  byScorer: ReadonlyMap<string, readonly Scored[]>,
  seed: number,
): Pick<Result, 'rmseDifference'> {
  if (!model || !first || model === first) return {};
  const than = scorer === model.nameInCall ? first.nameInCall : first.name;
  const before = new Map(byScorer.get(than)?.map((scored) => [scored.clip, scored]));
  const both = (byScorer.get(scorer) ?? []).filter(({ clip }) => before.has(clip));
  const [pairs, others] = [pairsOf(both), pairsOf(both.map(({ clip }) => before.get(clip) as Scored))];
  if (pairs.length < 2) return {};
  return { rmseDifference: { than, n: pairs.length, rmse: rmseDifference(pairs, others, { seed }) } };
}

function pairsOf(scored: readonly Scored[]): Pair[] {
  return scored.flatMap(({ clip: { rating, condition, ci95 }, score }) =>
    rating === null
      ? []
      : [{ score: score.mos, rating, ...(condition ? { condition } : {}), ...(ci95 === undefined ? {} : { ci95 }) }],
  );
}

/** What one gets without listening: the mean of all ratings. */
function trivial({ name, reference, clips }: RatedSet, seed: number): Result {
  const ratings = clips.flatMap(({ rating }) => (rating === null ? [] : [rating]));
  const pairs = ratings.map((rating) => ({ score: mean(ratings), rating }));
  return { set: name, reference, scorer: 'mean of the ratings', perFile: compare(pairs, { seed }) };
}

function resultOf(
  set: RatedSet,
  scorer: string,
  scored: readonly Scored[],
  seed: number,
  manifest?: ModelManifest,
): Result {
  const pairs = pairsOf(scored);
  const conditions = perCondition(pairs);
  return {
    ...{ set: set.name, reference: set.reference, scorer, perFile: compare(pairs, { seed }) },
    ...(conditions.length > 2 && conditions.length < pairs.length
      ? { perCondition: compare(conditions, { seed }) }
      : {}),
    ...(manifest ? { model: manifest.name, cost: manifest.cost } : {}),
    ...(manifest?.provenance.made ? { made: manifest.provenance.made } : {}),
    ...groupsOf(scored),
    ...coverageOf(scored, manifest?.interval.coverage),
    ...speechOf(scored, manifest?.streaming?.stepThreshold),
    ...causesOf(scored),
  };
}

function groupsOf(scored: readonly Scored[]): { groups?: Record<string, GroupResult> } {
  const errors = new Map<string, number[]>();
  for (const { clip, score } of scored) {
    const { rating } = clip;
    if (rating === null) continue;
    for (const group of clip.groups ?? []) errors.set(group, [...(errors.get(group) ?? []), score.mos - rating]);
  }
  if (errors.size === 0) return {};
  const result = (values: number[]): GroupResult => ({
    n: values.length,
    rmse: Math.sqrt(mean(values.map((error) => error ** 2))),
    bias: mean(values),
  });
  return { groups: Object.fromEntries([...errors].sort().map(([group, values]) => [group, result(values)])) };
}

function coverageOf(scored: readonly Scored[], nominal?: number) {
  const known = scored.filter(({ clip, score }) => clip.rating !== null && Number.isFinite(score.sigma));
  if (nominal === undefined || known.length === 0) return {};
  const z = normalQuantile((1 + nominal) / 2);
  const inside = known.map(({ clip, score }) =>
    Number(Math.abs((clip.rating as number) - score.mos) <= z * score.sigma),
  );
  return { coverage: mean(inside), nominalCoverage: nominal };
}

const isSpeechless = ({ speech }: RatedClip) => speech?.every((value) => value === 0) ?? false;

/** What the live path makes of the clips in which nobody speaks; nothing where the model does not tell speech. */
async function liveSpeechOf(
  { manifest, path }: ModelScorer,
  { clips }: RatedSet,
): Promise<Pick<Result, 'speechlessClips' | 'speechlessScored'>> {
  const speechless = clips.filter(isSpeechless);
  if (speechless.length === 0 || manifest.outputs.speech === undefined) return {};
  return { speechlessClips: speechless.length, speechlessScored: await scoredShare(path, speechless) };
}

/** @param threshold probability from which a step counts as speech; undefined where the scorer does not tell it */
function speechOf(
  scored: readonly Scored[],
  threshold: number | undefined,
): Pick<Result, 'speechF1' | 'speechFalseAlarms' | 'speechlessClips'> {
  if (threshold === undefined || scored.every(({ clip, score }) => !clip.speech || !score.speech)) return {};
  const steps = (clips: readonly Scored[]) => {
    const [said, is]: [number[], number[]] = [[], []];
    for (const { clip, score } of clips) {
      const { speech: truth } = clip;
      const { speech } = score;
      if (!truth || !speech) continue;
      const perStep = Math.floor(truth.length / speech.length);
      const first = truth.length - perStep * speech.length;
      for (const [step, probability] of speech.entries()) {
        const frames = truth.subarray(first + step * perStep, first + (step + 1) * perStep);
        said.push(probability);
        is.push(2 * frames.reduce((sum, value) => sum + value, 0) >= perStep ? 1 : 0);
      }
    }
    return decide(said, is, threshold);
  };
  const clear = scored.filter(({ clip }) => !isSpeechless(clip) && (clip.snrDb ?? Number.NEGATIVE_INFINITY) >= 5);
  const without = scored.filter(({ clip }) => isSpeechless(clip));
  return {
    ...(clear.length > 0 ? { speechF1: f1(steps(clear)) } : {}),
    ...(without.length > 0
      ? { speechlessClips: without.length, speechFalseAlarms: falseAlarmRate(steps(without)) }
      : {}),
  };
}

function causesOf(scored: readonly Scored[]) {
  const known = scored.filter(({ clip, score }) => clip.causes && score.causes);
  if (known.length === 0) return {};
  const areas = causeNames.map((name, cause): [string, number] => [
    name,
    auc(
      known.map(({ score }) => score.causes?.[cause] as number),
      known.map(({ clip }) => clip.causes?.[cause] as number),
    ),
  ]);
  return { causeAuc: Object.fromEntries(areas.filter(([, area]) => Number.isFinite(area))) };
}

function plotted(byScorer: ReadonlyMap<string, readonly Scored[]>) {
  return [...byScorer].flatMap(([scorer, scored]) =>
    scored.flatMap(({ clip: { rating }, score }) => (rating === null ? [] : [{ scorer, rating, score: score.mos }])),
  );
}

function fileName(set: string): string {
  return set.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}
