import { readRun } from '../degrade/degrade.ts';
import { readFrames, readTruths } from '../degrade/shard.ts';
import { causeOrder, fromRunLengths } from '../degrade/truth.ts';
import { TrainingError } from '../run/errors.ts';
import { RunFolder } from '../run/run-folder.ts';
import { readLabels } from '../teach/labels.ts';
import type { TeachConfiguration } from '../teach/teach.ts';
import { DataSet, type ShardSource, type StoredClip } from './data-set.ts';

/** Run folders of `teach` as one data set. */
export function openTaught(paths: readonly string[], shardsInMemory: number): DataSet {
  return new DataSet(
    paths.flatMap((path) => taughtShards(path).map(({ source }) => source)),
    shardsInMemory,
  );
}

/**
 * Makes sure that nobody is heard on both sides.
 *
 * @throws {TrainingError} invalid-input, naming a speaker or a recording that is
 */
export function checkDisjoint(train: readonly string[], validation: readonly string[]): void {
  const sourcesOf = (paths: readonly string[]) =>
    new Set(
      paths.flatMap((path) =>
        taughtShards(path).flatMap(({ folder, number }) =>
          readTruths(folder, number).flatMap(({ speaker, sources }) => [
            ...(speaker === undefined ? [] : [`speaker ${speaker}`]),
            ...sources.map((id) => `recording ${id}`),
          ]),
        ),
      ),
    );
  const trained = sourcesOf(train);
  const shared = [...sourcesOf(validation)].find((source) => trained.has(source));
  if (shared) throw new TrainingError('invalid-input', `${shared} is both in the training and in the validation`);
}

/** The shards of one run folder, in order. */
export function taughtShards(path: string): { folder: string; number: number; source: ShardSource }[] {
  const { configuration, finishedAt } = RunFolder.read(path, 'teach');
  if (!finishedAt) throw new TrainingError('invalid-input', `${path} is not finished`);
  const { folder, tasks } = readRun((configuration as TeachConfiguration).clips);
  return tasks.map(({ number, count }) => ({
    folder,
    number,
    source: { size: count, load: () => loadShard(folder, number, path) },
  }));
}

function loadShard(folder: string, number: number, teachFolder: string): StoredClip[] {
  const frames = readFrames(folder, number);
  const labels = readLabels(teachFolder, number);
  return readTruths(folder, number).map((truth, index) => {
    const [label, heard] = [labels[index], frames[index]];
    if (label?.index !== truth.index || !heard) {
      throw new TrainingError('invalid-input', `${teachFolder}: shard ${number} has other clips than ${folder}`);
    }
    const { causes, speech } = truth;
    return {
      ...heard,
      mos: label.mos,
      speech: speech && fromRunLengths(speech),
      causes: causes && causeOrder.map((cause) => causes[cause]),
    };
  });
}
