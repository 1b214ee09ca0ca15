import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { readRun } from '../degrade/degrade.ts';
import { runOverQueue } from '../queue/run-over-queue.ts';
import { TrainingError } from '../run/errors.ts';
import { writeAtomically } from '../run/files.ts';
import { type Progress, silentProgress } from '../run/progress.ts';
import { RunFolder } from '../run/run-folder.ts';
import { runInWorkers } from '../run/workers.ts';
import { hashBackbone } from '../xls-r/backbone-weights.ts';
import { type Ensemble, readEnsemble, type TeacherDescription } from './description.ts';
import { type ClipLabel, labelFile, labelsSchema, readLabels, writeLabels } from './labels.ts';
import { queueName, taskId } from './queue-name.ts';
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
  /** Finished run of `teach` on the same clips: what a teacher said there it is not asked again. */
  known?: string;
  /** URL of Redis: `labelFromQueue` labels, on whatever machines it runs, instead of workers here. */
  queue?: string;
  progress?: Progress;
  /** Told of a connection that is lost and found. */
  onTrouble?: (what: string) => void;
}

/** What a `teach` run says of itself in run.json. */
export interface TeachConfiguration {
  /** Run folder of the clips. */
  clips: string;
  ensemble: string;
  /**
   * `hop`: samples between windows; `moves`: absent when clips are heard once; `sha256`: of the network as ONNX, or of all files
   * that it is read from.
   */
  teachers: {
    name: string;
    weight: number;
    hop: number;
    moves?: number[];
    licence: string;
    source: string;
    sha256: string;
  }[];
  /** Absent: the teachers alone. `sha256`: of the metric's script. */
  inTime?: { name: string; exponent: number; licence: string; source: string; sha256: string };
}

export interface TeachSummary {
  clips: number;
  labelled: number;
  /** Mean and standard deviation of the labels; without labels NaN. */
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
  known,
  queue,
  progress = silentProgress,
  onTrouble = () => {},
}: TeachOptions): Promise<TeachSummary> {
  const ensemble = readEnsemble(teachers);
  const networks = networksOf(ensemble);
  const { folder: shards, tasks } = readRun(clips);
  const configuration: TeachConfiguration = {
    clips,
    ensemble: ensemble.name,
    teachers: ensemble.teachers.map(({ description, weight }, place) => {
      const { name, licence, source, window } = description;
      const { hop, moves } = window;
      const sha256 = networks[place]?.sha256 as string;
      return { name, weight, hop, ...(moves.length > 1 ? { moves } : {}), licence, source, sha256 };
    }),
    ...(ensemble.inTime ? { inTime: recordOf(ensemble.inTime) } : {}),
  };
  const run = RunFolder.open({ path: out, verb: 'teach', seed, configuration });
  mkdirSync(run.file('labels'), { recursive: true });
  for (const [place, { description }] of ensemble.teachers.entries()) {
    if (description.format === 'distill-mos') {
      writeAtomically(run.file(`${description.name}.onnx`), networks[place]?.graph as Uint8Array);
    }
  }
  const open = tasks.filter(({ number }) => !existsSync(labelFile(out, number)));
  const countOf = (of: readonly { count: number }[]) => of.reduce((sum, { count }) => sum + count, 0);
  progress.start(countOf(tasks), countOf(tasks) - countOf(open));
  const keep = (number: number, labels: ClipLabel[]) => writeLabels(out, number, labels);
  if (queue) {
    const parse = (answer: unknown, id: string) => checkLabels(answer, id, countOfShard);
    const countOfShard = new Map(tasks.map(({ number, count }) => [taskId(number), count]));
    const labelTasks = new Map(open.map(({ number }): [string, LabelTask] => [taskId(number), { number }]));
    const name = queueName(clips, ensemble, networks);
    await runOverQueue({ url: queue, name, tasks: labelTasks, parse, onTrouble }, (id, labels) => {
      keep((labelTasks.get(id) as LabelTask).number, labels);
      progress.advance(labels.length);
    });
  } else {
    const heard = known === undefined ? undefined : { folder: known, teachers: knownTeachers(known, configuration) };
    const setup: WorkerSetup = { ensemble, threads, shards, ...(heard ? { known: heard } : {}) };
    const labelTasks = open.map(({ number }): LabelTask => ({ number }));
    await runInWorkers<WorkerSetup, LabelTask, ClipLabel[]>(
      { file: labelWorkerFile, setup, tasks: labelTasks, workers },
      () => progress.advance(),
      ({ number }, labels) => keep(number, labels),
    );
  }
  progress.stop();
  run.finish();
  return summarise(tasks.flatMap(({ number }) => readLabels(out, number).map(({ mos }) => mos)));
}

function recordOf({ metric, exponent }: NonNullable<Ensemble['inTime']>): TeachConfiguration['inTime'] {
  const { name, licence, source, path } = metric;
  return { name, exponent, licence, source, sha256: sha256Of(readFileSync(path)) };
}

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/**
 * Names of the teachers, and of the metric, that an earlier run asked, with the same networks in the same windows, about the same
 * clips. Teachers of a run without a metric do not know the clips before what happened to them in time.
 */
function knownTeachers(folder: string, { clips, teachers, inTime }: TeachConfiguration): string[] {
  const { configuration, finishedAt } = RunFolder.read(folder, 'teach');
  const before = configuration as TeachConfiguration;
  if (!finishedAt) throw new TrainingError('invalid-input', `${folder} is not finished`);
  if (before.clips !== clips) {
    throw new TrainingError('invalid-input', `${folder} holds labels of ${before.clips}, not of ${clips}`);
  }
  const isSame = (teacher: TeachConfiguration['teachers'][number]) =>
    before.teachers.some(({ weight: _, ...other }) => isDeepStrictEqual({ weight: teacher.weight, ...other }, teacher));
  if (!inTime) return teachers.filter(isSame).map(({ name }) => name);
  if (before.inTime?.sha256 !== inTime.sha256) return [];
  return [inTime.name, ...teachers.filter(isSame).map(({ name }) => name)];
}

/** Each teacher's network: its hash and, where it is one, its graph. */
export function networksOf({ teachers }: Ensemble): { sha256: string; graph?: Uint8Array }[] {
  return teachers.map(({ description }) => {
    if (description.format === 'xls-r-sqa') return { sha256: hashXlsRSqa(description) };
    const graph = networkOf(description);
    return { sha256: sha256Of(graph), graph };
  });
}

function hashXlsRSqa({ path, xlsR }: TeacherDescription): string {
  return hashBackbone(xlsR?.backbone as string)
    .update(readFileSync(path))
    .digest('hex');
}

/** What came over the network is believed when it has the form of labels, as many as there are clips. */
function checkLabels(answer: unknown, id: string, counts: ReadonlyMap<string, number>): ClipLabel[] {
  const { success, data } = labelsSchema.safeParse(answer);
  if (!success || data.length !== counts.get(id)) {
    throw new TrainingError('queue', `what a worker answered for ${id} are not its labels`);
  }
  return data;
}

/** Module of the processes that label. */
export const labelWorkerFile = fileURLToPath(new URL('./worker.ts', import.meta.url));

function summarise(labels: readonly (number | null)[]): TeachSummary {
  const given = labels.filter((mos) => mos !== null);
  const mean = given.reduce((sum, mos) => sum + mos, 0) / given.length;
  const variance = given.reduce((sum, mos) => sum + (mos - mean) ** 2, 0) / given.length;
  return { clips: labels.length, labelled: given.length, mean, deviation: Math.sqrt(variance) };
}
