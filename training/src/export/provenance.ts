import { readManifest } from '../corpus/manifest.ts';
import type { DegradeConfiguration } from '../degrade/degrade.ts';
import type { StudentConfiguration } from '../learning/configuration.ts';
import type { PruningConfiguration } from '../learning/pruning-configuration.ts';
import { isRun, readTrained } from '../learning/trained.ts';
import { RunFolder, type RunRecord } from '../run/run-folder.ts';
import { readDescription } from '../teach/description.ts';
import type { TeachConfiguration } from '../teach/teach.ts';
import { isPublished, keptOr, readPublished } from './published.ts';

/** Provenance of a network, for manifest and model card. */
export interface Provenance {
  /** Each source with its licence. */
  corpora: string[];
  teachers: string[];
  seeds: number[];
  commit: string;
  /** Training steps, in order. */
  notes: string;
  /** The same in a word each; repeats in a row count once. */
  made: ('distilled' | 'pruned')[];
}

/** Follows a run of `distill` or `prune` back to its recordings, and to its initial network; a published model states its own provenance. */
export function provenanceOf(path: string): Provenance {
  return isRun(path) ? provenanceOfRun(path) : publishedProvenance(path);
}

function provenanceOfRun(folder: string): Provenance {
  const trained = readTrained(folder);
  const { train, initial } = trained.configuration;
  const before = initial === undefined ? undefined : begunWith(keptOr(folder, initial));
  const [corpora, teachers, seeds, recipes] = [
    new Set(before?.corpora),
    new Set(before?.teachers),
    new Set([...(before?.seeds ?? []), trained.seed]),
    new Set<string>(),
  ];
  const made = trained.verb === 'distill' ? 'distilled' : 'pruned';
  let clips = 0;
  for (const path of train) {
    const taught = RunFolder.read(path, 'teach');
    const { clips: clipsFolder } = taught.configuration as TeachConfiguration;
    teachers.add(teachersOf(taught));
    const degraded = RunFolder.read(clipsFolder, 'degrade');
    const { corpus, recipe, clips: count } = degraded.configuration as DegradeConfiguration;
    clips += count;
    recipes.add(recipe.name);
    for (const seed of [taught.seed, degraded.seed, RunFolder.read(corpus, 'corpus').seed]) seeds.add(seed);
    for (const { split, source, licence } of readManifest(corpus)) {
      if (split === 'train') corpora.add(`${source ?? 'unnamed source'} (${licence ?? 'licence not stated'})`);
    }
  }
  const clipsNote = `${clips} simulated clips (recipe ${[...recipes].join(', ')})`;
  return {
    corpora: [...corpora].sort(),
    teachers: [...teachers],
    seeds: [...seeds],
    commit: trained.versions.commit ?? 'unknown',
    notes: [...(before ? [before.notes] : []), `${doneBy(trained)} ${clipsNote}`].join('; then '),
    made: before?.made.at(-1) === made ? before.made : [...(before?.made ?? []), made],
  };
}

/** Who gave the labels of a run of `teach`. */
function teachersOf({ configuration }: RunRecord): string {
  const { ensemble, teachers, inTime } = configuration as TeachConfiguration;
  const named = teachers.map(({ name, weight, moves, source, licence }) => {
    const heard = moves ? ` heard ${moves.length} times;` : '';
    return `${name} (weight ${weight};${heard} ${source}; ${licence})`;
  });
  const all = named.length > 1 ? `ensemble "${ensemble}" of ${named.join(', ')}` : named.join('');
  if (!inTime) return all;
  const metric = `${inTime.name} (exponent ${inTime.exponent}; ${inTime.source}; ${inTime.licence})`;
  return `${all}; of what happened in time, ${metric}`;
}

/** Who gave the labels that a model is compared with at export. */
export function referenceOf(calibration: readonly string[]): string {
  return [...new Set(calibration.map((path) => teachersOf(RunFolder.read(path, 'teach'))))].join(', ');
}

/** The network that a run began with: that of another run, of a model, or a teacher. */
function begunWith(initial: string): Omit<Provenance, 'commit'> {
  if (isRun(initial) || isPublished(initial)) return provenanceOf(initial);
  const { name, source, licence } = readDescription(initial);
  return { corpora: [], teachers: [], seeds: [], notes: `weights of ${name} (${source}; ${licence})`, made: [] };
}

/** From a manifest, which lists neither recordings nor clips one by one. */
function publishedProvenance(path: string): Provenance {
  const { name, version, provenance } = readPublished(path);
  const { corpora, teachers, seeds = [], commit = 'unknown', notes, made = [] } = provenance;
  const exported = `exported as ${name} ${version}`;
  return {
    corpora,
    teachers,
    seeds,
    commit,
    notes: notes === undefined ? exported : `${notes}; then ${exported}`,
    made,
  };
}

function doneBy({ verb, configuration }: RunRecord): string {
  if (verb === 'distill') {
    const { epochs } = (configuration as { student: StudentConfiguration }).student.training;
    return `${epochs} epochs of distillation on`;
  }
  const { target, rounds } = (configuration as { pruning: PruningConfiguration }).pruning;
  const [measure, limit] = Object.entries(target)[0] as [string, number];
  return `pruning to ${limit} ${measure} in ${rounds} round${rounds === 1 ? '' : 's'} on`;
}
