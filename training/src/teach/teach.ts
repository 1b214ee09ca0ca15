import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readRun } from '../degrade/degrade.ts';
import { writeAtomically } from '../run/files.ts';
import { type Progress, silentProgress } from '../run/progress.ts';
import { RunFolder } from '../run/run-folder.ts';
import { runInWorkers } from '../run/workers.ts';
import { hashBackbone } from '../xls-r/backbone-weights.ts';
import { readEnsemble, type TeacherDescription } from './description.ts';
import { labelFile, readLabels } from './labels.ts';
import { networkOf } from './teacher.ts';
import type { LabelTask, WorkerSetup } from './worker.ts';

export interface TeachOptions {
  out: string;
  /** Run folder of `degrade`. */
  clips: string;
  /** Ensemble file. */
  teachers: string;
  seed: number;
  /** Shards labelled at once. Default 1. */
  workers?: number;
  /** Threads of each worker. Default 1. */
  threads?: number;
  progress?: Progress;
}

/** What a `teach` run says of itself in run.json. */
export interface TeachConfiguration {
  /** Run folder of the clips. */
  clips: string;
  ensemble: string;
  /** `hop`: samples between windows; `sha256`: of the network as ONNX, or of all files that it is read from. */
  teachers: { name: string; weight: number; hop: number; licence: string; source: string; sha256: string }[];
}

export interface TeachSummary {
  clips: number;
  labelled: number;
  /** Mean and standard deviation of the labels. */
  mean: number;
  deviation: number;
}

/**
 * Labels clips by teachers, shard by shard; a shard that is labelled is not labelled again. A network that was made from a
 * checkpoint is kept in the run folder as NAME.onnx.
 */
export async function teach({
  out,
  clips,
  teachers,
  seed,
  workers = 1,
  threads = 1,
  progress = silentProgress,
}: TeachOptions): Promise<TeachSummary> {
  const ensemble = readEnsemble(teachers);
  const networks = ensemble.teachers.map(({ description }) =>
    description.format === 'xls-r-sqa' ? undefined : networkOf(description),
  );
  const { folder: shards, tasks } = readRun(clips);
  const configuration: TeachConfiguration = {
    clips,
    ensemble: ensemble.name,
    teachers: ensemble.teachers.map(({ description, weight }, place) => {
      const { name, licence, source, window } = description;
      const network = networks[place];
      const sha256 = network ? createHash('sha256').update(network).digest('hex') : hashXlsRSqa(description);
      return { name, weight, hop: window.hop, licence, source, sha256 };
    }),
  };
  const run = RunFolder.open({ path: out, verb: 'teach', seed, configuration });
  mkdirSync(run.file('labels'), { recursive: true });
  for (const [place, { description }] of ensemble.teachers.entries()) {
    if (description.format === 'distill-mos') {
      writeAtomically(run.file(`${description.name}.onnx`), networks[place] as Uint8Array);
    }
  }
  const open = tasks.filter(({ number }) => !existsSync(labelFile(out, number)));
  const countOf = (of: readonly { count: number }[]) => of.reduce((sum, { count }) => sum + count, 0);
  progress.start(countOf(tasks), countOf(tasks) - countOf(open));
  const setup: WorkerSetup = { ensemble, threads, shards, folder: out };
  const labelTasks: LabelTask[] = open.map(({ number }) => ({ number }));
  await runInWorkers({ file: workerFile, setup, tasks: labelTasks, workers }, () => progress.advance());
  progress.stop();
  run.finish();
  return summarise(tasks.flatMap(({ number }) => readLabels(out, number).map(({ mos }) => mos)));
}

function hashXlsRSqa({ path, xlsR }: TeacherDescription): string {
  return hashBackbone(xlsR?.backbone as string)
    .update(readFileSync(path))
    .digest('hex');
}

const workerFile = fileURLToPath(new URL('./worker.ts', import.meta.url));

function summarise(labels: readonly (number | null)[]): TeachSummary {
  const given = labels.filter((mos) => mos !== null);
  const mean = given.reduce((sum, mos) => sum + mos, 0) / given.length;
  const variance = given.reduce((sum, mos) => sum + (mos - mean) ** 2, 0) / given.length;
  return { clips: labels.length, labelled: given.length, mean, deviation: Math.sqrt(variance) };
}
