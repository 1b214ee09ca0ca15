import { readManifest } from '../corpus/manifest.ts';
import type { DegradeConfiguration } from '../degrade/degrade.ts';
import { RunFolder } from '../run/run-folder.ts';
import type { TeachConfiguration } from '../teach/teach.ts';

/** Where a student comes from, as a manifest and a model card tell it. */
export interface Provenance {
  /** Each source with its licence. */
  corpora: string[];
  teachers: string[];
  seeds: number[];
  commit: string;
  /** Clips that were trained on. */
  clips: number;
  recipes: string[];
}

/** Follows a run of `distill` back to its recordings. */
export function provenanceOf(distillFolder: string): Provenance {
  const distilled = RunFolder.read(distillFolder, 'distill');
  const { train } = distilled.configuration as { train: string[] };
  const [corpora, teachers, seeds, recipes] = [
    new Set<string>(),
    new Set<string>(),
    new Set([distilled.seed]),
    new Set<string>(),
  ];
  let clips = 0;
  for (const folder of train) {
    const taught = RunFolder.read(folder, 'teach');
    const { clips: clipsFolder, ensemble, teachers: members } = taught.configuration as TeachConfiguration;
    const named = members.map(
      ({ name, weight, source, licence }) => `${name} (weight ${weight}; ${source}; ${licence})`,
    );
    for (const teacher of members.length > 1 ? [`ensemble "${ensemble}" of ${named.join(', ')}`] : named)
      teachers.add(teacher);
    const degraded = RunFolder.read(clipsFolder, 'degrade');
    const { corpus, recipe, clips: count } = degraded.configuration as DegradeConfiguration;
    clips += count;
    recipes.add(recipe.name);
    for (const seed of [taught.seed, degraded.seed, RunFolder.read(corpus, 'corpus').seed]) seeds.add(seed);
    for (const { split, source, licence } of readManifest(corpus)) {
      if (split === 'train') corpora.add(`${source ?? 'unnamed source'} (${licence ?? 'licence not stated'})`);
    }
  }
  const commit = distilled.versions.commit ?? 'unknown';
  return {
    corpora: [...corpora].sort(),
    teachers: [...teachers],
    seeds: [...seeds],
    commit,
    clips,
    recipes: [...recipes],
  };
}
