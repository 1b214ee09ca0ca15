import { mkdirSync } from 'node:fs';
import { loadNative } from '../../../src/engine/load.ts';
import { readManifest, type Split } from '../corpus/manifest.ts';
import { readRecipe } from '../degrade/recipe.ts';
import { ModelScorer } from '../evaluate/model-scorer.ts';
import { writeAtomically } from '../run/files.ts';
import { type Progress, silentProgress } from '../run/progress.ts';
import { Random } from '../run/random.ts';
import { RunFolder } from '../run/run-folder.ts';
import { mean } from '../statistics/statistics.ts';
import { readMetric } from '../teach/description.ts';
import { PairProgram } from '../teach/program.ts';
import { type Condition, planOf, readConditions } from './conditions.ts';
import { atServer } from './hear.ts';
import { conditionPlot, sweepPlot } from './plots.ts';
import { Remaker, type Talk } from './remake.ts';
import { agreementReport } from './report.ts';
import type { AgreedCondition, AgreedPoint, Agreement, Scores } from './result.ts';
import { type SweepPoint, sweeps } from './sweeps.ts';

export interface AgreeOptions {
  out: string;
  /** Manifests of models. */
  models: readonly string[];
  /** Run folder of `corpus`, and whose speech is taken from it. */
  corpus: string;
  split: Split;
  /** CSV of listeners' conditions. */
  conditions: string;
  /** Recipe whose codecs there are. */
  recipe: string;
  /** Full-reference metric to set beside the models. */
  metric: string;
  talkers: number;
  /** Names of the sweeps that are made. Default: all. */
  sweeps?: readonly string[];
  seed: number;
  progress?: Progress;
}

/** How long the speech of a talker is, seconds, pauses included. */
const speechSeconds = 12;

/**
 * Does a model agree with listeners? Makes their conditions again from clean speech, and sweeps of what calls suffer, scores
 * both as a call would, and sets a full-reference metric beside it. Leaves results.json, report.md and plots/.
 */
export async function agree(options: AgreeOptions): Promise<Agreement> {
  const { out, models, corpus, split, conditions, recipe: recipeFile, metric: metricFile, talkers, seed } = options;
  const progress = options.progress ?? silentProgress;
  const wanted = options.sweeps ?? sweeps.map(({ name }) => name);
  const base = readRecipe(recipeFile);
  const metric = readMetric(metricFile);
  const speechAlone = { speech: 1, wild: 0, wildAltered: 0, noise: 0, music: 0 };
  const recipe = { ...base, seconds: speechSeconds, gapSeconds: 0.6, content: speechAlone };
  const configuration = { models, corpus, split, conditions, recipe, metric: metric.name, talkers, sweeps: wanted };
  const run = RunFolder.open({ path: out, verb: 'agree', seed, configuration });
  const recordings = readManifest(corpus).filter((recording) => recording.split === split);
  const remaker = new Remaker({ recordings, recipe, seed });
  const talks = await remaker.talks(talkers);
  const addon = loadNative();
  const scorers = await Promise.all(models.map((model) => ModelScorer.load(model)));
  const program = new PairProgram(['python3', metric.path], { PYTHONPATH: metric.packages });

  const scoresOf = async (name: string, { chain, leg, eModel }: Omit<SweepPoint, 'strength'>): Promise<Scores> => {
    const all: Scores[] = [];
    for (const talk of talks) all.push(await scoresOfTalk(name, talk, { chain, leg }));
    const names = Object.keys(all[0] ?? {});
    const means = names.map((each) => [each, mean(all.flatMap((scores) => scores[each] ?? []))] as const);
    return { ...Object.fromEntries(means), ...(eModel === undefined ? {} : { 'E-model': eModel }) };
  };
  const scoresOfTalk = async (name: string, talk: Talk, { chain, leg }: Pick<SweepPoint, 'chain' | 'leg'>) => {
    const clip = await remaker.through(talk, chain, name);
    const random = Random.derive(seed, 'leg', name, talk.speaker);
    const { heard, reference } = await atServer(clip, talk.clip, leg, { addon, random });
    const scores: Scores = {};
    for (const scorer of scorers) {
      const { mos } = scorer.hearsWaveform ? await scorer.scoreWaveform(heard.pcm) : await scorer.score(heard);
      scores[nameOf(scorer, scorers)] = mos;
    }
    const compared = await program.compare(reference, heard.pcm);
    if (compared !== undefined) scores[metric.name] = compared;
    return scores;
  };

  const plans = readConditions(conditions).map((condition) => ({
    condition,
    plan: planOf(condition, codecsOf(recipe)),
  }));
  const before = new Set<string>();
  const isNew = ({ experiment, processing }: Condition) => {
    const key = `${experiment}: ${processing}`;
    return !before.has(key) && before.add(key) !== undefined;
  };
  const made = plans.flatMap(({ condition, plan }) => (plan && isNew(condition) ? [{ condition, plan }] : []));
  const points = sweeps
    .filter(({ name }) => wanted.includes(name))
    .flatMap((sweep) => sweep.points.map((point) => ({ sweep, point })));
  progress.start(made.length + points.length, 0);
  const agreed: AgreedCondition[] = [];
  for (const { condition, plan } of made) {
    const name = `${condition.experiment} ${condition.condition}`;
    const scores = await scoresOf(name, { chain: plan.chain, leg: { codec: 'pcm' } });
    agreed.push({ ...condition, group: plan.group, scores });
    progress.advance();
  }
  const swept: AgreedPoint[] = [];
  for (const { sweep, point } of points) {
    // The same noise, second talker and lost packets at every strength.
    const scores = await scoresOf(sweep.name, point);
    swept.push({ sweep: sweep.name, axis: sweep.axis, strength: point.strength, scores });
    progress.advance();
  }
  progress.stop();
  program.close();
  for (const scorer of scorers) await scorer.close();
  const leftOut = plans
    .map(({ condition }) => condition)
    .filter((each) => !made.some(({ condition }) => condition === each));
  const agreement = { talkers: talks.map(({ speaker }) => speaker), conditions: agreed, leftOut, points: swept };
  mkdirSync(run.file('plots'), { recursive: true });
  writeAtomically(run.file('results.json'), `${JSON.stringify(agreement, undefined, 1)}\n`);
  writeAtomically(run.file('report.md'), agreementReport(agreement));
  writeAtomically(run.file('plots', 'conditions.svg'), await conditionPlot(agreement.conditions));
  writeAtomically(run.file('plots', 'sweeps.svg'), await sweepPlot(agreement.points));
  run.finish();
  return agreement;
}

const codecsOf = ({ codecs }: { codecs: object }) => Object.keys(codecs);

/** A model's name; models of one name are told apart by their versions. */
function nameOf({ manifest: { name, version } }: ModelScorer, all: readonly ModelScorer[]): string {
  return all.filter(({ manifest }) => manifest.name === name).length > 1 ? `${name} ${version}` : name;
}
