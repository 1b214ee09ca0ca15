import { copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ModelManifest } from '../../../src/model/manifest.ts';
import type { Agreement } from '../agree/result.ts';
import { ModelScorer } from '../evaluate/model-scorer.ts';
import { type RatedSet, readRatedSets } from '../evaluate/sets.ts';
import { modelCard } from '../export/card.ts';
import { TrainingError } from '../run/errors.ts';
import { parseFile, writeAtomically } from '../run/files.ts';
import { type Progress, silentProgress } from '../run/progress.ts';
import { RunFolder } from '../run/run-folder.ts';
import { coveragesLeftOut, type Panel, panelSigmaOf } from './spread.ts';

export interface PanelOptions {
  out: string;
  /** Manifest of a model. */
  model: string;
  /** Lists of rated sets of audio files. */
  rated: readonly string[];
  /** Run folder of `agree` with the same model: each of its experiments is a panel. */
  agreement?: string;
  seed: number;
  progress?: Progress;
}

/** Fewer ratings tell nothing of a panel. */
const fewestRatings = 20;

/**
 * Widens the intervals of a model by how panels of listeners differ from its scores, and says of each panel how many of its ratings
 * lie inside with what the others gave. Leaves the model, its network as it was, with another manifest and card.
 */
export async function panel(options: PanelOptions): Promise<NonNullable<ModelManifest['interval']['panel']>> {
  const { out, model, rated, agreement, seed, progress = silentProgress } = options;
  const run = RunFolder.open({ path: out, verb: 'panel', seed, configuration: { model, rated, agreement } });
  const scorer = await ModelScorer.load(model);
  const { manifest } = scorer;
  const sets = rated.flatMap(readRatedSets).filter(({ clips }) => clips.length >= fewestRatings);
  progress.start(
    sets.reduce((sum, { clips }) => sum + clips.length, 0),
    0,
  );
  const own: ModelManifest['interval'] = { ...manifest.interval };
  delete own.panel;
  const already = manifest.interval.panel?.sigma ?? 0;
  const panels: Panel[] = [];
  for (const set of sets) panels.push(await ratedPanel(set, scorer, already, progress));
  progress.stop();
  if (agreement !== undefined) panels.push(...experimentsOf(agreement, manifest.name));
  if (panels.length < 2)
    throw new TrainingError('invalid-input', `expected at least two panels with ${fewestRatings} ratings`);
  await scorer.close();
  const { coverage } = own;
  const leftOut = coveragesLeftOut(panels, coverage);
  const found = {
    sigma: panelSigmaOf(panels, coverage),
    method:
      'least deviation between panels at which the mean coverage over them is the nominal one; coverageLeftOut: with that of the others',
    sets: panels.map(({ set, files }, place) => ({ set, n: files.length, coverageLeftOut: leftOut[place] as number })),
  };
  const widened = { ...manifest, interval: { ...own, panel: found } };
  for (const file of [manifest.file, ...(manifest.streaming ? [manifest.streaming.heads.file] : [])]) {
    copyFileSync(join(dirname(model), file), run.file(file));
  }
  writeAtomically(run.file(`${manifest.name}.json`), `${JSON.stringify(widened, undefined, 2)}\n`);
  writeAtomically(run.file(`${manifest.name}.md`), modelCard(widened));
  run.finish();
  return found;
}

async function ratedPanel(
  { name, clips }: RatedSet,
  scorer: ModelScorer,
  already: number,
  progress: Progress,
): Promise<Panel> {
  const files: Panel['files'] = [];
  for (const clip of clips) {
    const score = scorer.hearsWaveform
      ? await scorer.scoreWaveform(await clip.waveform())
      : await scorer.score(await clip.hear());
    const sigma = Math.sqrt(Math.max(0, score.sigma ** 2 - already ** 2));
    if (clip.rating !== null) files.push({ error: score.mos - clip.rating, sigma });
    progress.advance();
  }
  return { set: name, files };
}

/** The experiments of a study, their conditions in place of files: what the network states of one is not kept, and taken for nothing. */
function experimentsOf(agreement: string, scorer: string): Panel[] {
  const { conditions } = parseFile(join(agreement, 'results.json')) as Agreement;
  const experiments = [...new Set(conditions.map(({ experiment }) => experiment))];
  const panels = experiments.map((experiment): Panel => {
    const own = conditions.filter((condition) => condition.experiment === experiment);
    const files = own.flatMap(({ mos, scores }) => {
      const score = scores[scorer];
      return score === undefined ? [] : [{ error: score - mos, sigma: 0 }];
    });
    return { set: experiment, files };
  });
  return panels.filter(({ files }) => files.length >= fewestRatings);
}
