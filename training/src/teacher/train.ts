import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { type CurveRow, TensorBoard } from '../learning/curves.ts';
import { batchesPerEpoch, epochBatches } from '../learning/order.ts';
import { TrainingError } from '../run/errors.ts';
import { writeCsv } from '../run/files.ts';
import { type Progress, silentProgress } from '../run/progress.ts';
import { RunFolder } from '../run/run-folder.ts';
import { Backbone } from '../xls-r/backbone.ts';
import { BackboneWeights, hashBackbone } from '../xls-r/backbone-weights.ts';
import { type BackboneConfiguration, readBackboneConfiguration } from '../xls-r/configuration.ts';
import { Head, type HeadConfiguration } from '../xls-r/head.ts';
import { HeadWeights, initialHead } from '../xls-r/head-weights.ts';
import { type Bias, biasOf, noBias } from './bias.ts';
import type { TeacherConfiguration } from './configuration.ts';
import { FeatureCache, fillCache } from './features.ts';
import { checkApart, type Rating, readRatings, weightOf } from './ratings.ts';
import { describeTeacher, teacherFiles, writeTeacher } from './teacher-files.ts';
import { readCheckpointArrays, TeacherTrainer } from './trainer.ts';
import { figuresOf, type SetFigures, selectionOf } from './validate.ts';

export interface TeacherOptions {
  out: string;
  teacher: TeacherConfiguration;
  /** Manifests of rated files. */
  train: readonly string[];
  /** Of other files and speakers. */
  validation: readonly string[];
  seed: number;
  /** Of the hidden states, and of the training. */
  progress?: { features: Progress; training: Progress };
}

export interface TeacherSummary {
  steps: number;
  /** Epoch, from 1, whose weights are kept. */
  bestEpoch: number;
  /** Of the best epoch, by data set. */
  figures: Record<string, SetFigures>;
  /** Scales of the data sets after the last epoch. */
  biases: Record<string, Bias>;
}

/** What a checkpoint holds beside arrays. */
interface Position {
  curves: CurveRow[];
  validations: { epoch: number; figures: Record<string, SetFigures> }[];
  biases: Record<string, Bias>;
  biasRows: { epoch: number; dataset: string; offset: number; slope: number }[];
}

/**
 * Trains a head on rated files, and the last transformer layers below it where asked. Every random choice derives from the
 * seed and its place, and the checkpoint holds the rest, so that a run that was killed at any time and started again gives
 * the weights of one that was not (on one thread of a CPU).
 */
export async function trainTeacher({
  out,
  teacher,
  train,
  validation,
  seed,
  progress = { features: silentProgress, training: silentProgress },
}: TeacherOptions): Promise<TeacherSummary> {
  const [ratings, heldOut] = [train, validation].map((manifests) => manifests.flatMap(readRatings)) as [
    Rating[],
    Rating[],
  ];
  checkApart(ratings, heldOut);
  const { training } = teacher;
  const { epochs, batchSize, checkpointSteps, curveSteps, votesAtHalfWeight } = training;
  const perEpoch = batchesPerEpoch([ratings.length], batchSize);
  if (perEpoch === 0) {
    throw new TrainingError('invalid-input', `${ratings.length} ratings do not fill a batch of ${batchSize}`);
  }
  if (heldOut.length === 0) throw new TrainingError('invalid-input', 'there are no ratings to validate on');
  const anchor = anchorOf(teacher, ratings);
  const { backbone, shape, start, cut } = readNetwork(teacher, seed);
  const run = RunFolder.open({
    path: out,
    verb: 'teacher',
    seed,
    configuration: { teacher, train, validation, inputs: hashInputs(teacher, [...train, ...validation]) },
  });

  // Hidden states below what is trained.
  const files = [...new Set([...ratings, ...heldOut].map(({ path }) => path))];
  const numbers = new Map(files.map((path, number) => [path, number]));
  const isTuned = cut < Math.max(...teacher.layers);
  const cache = new FeatureCache(run.file(teacherFiles.features), {
    layers: [...new Set([...teacher.layers.filter((layer) => layer <= cut), cut])].sort((a, b) => a - b),
    width: backbone.width,
    ...(isTuned ? {} : { frames: shape.frames }),
    bits: training.cacheBits,
  });
  await fillCache(cache, files, (layers) => openBackbone(teacher, backbone, start, { layers }), progress.features);

  const head = new Head(shape, start);
  const upper = isTuned
    ? openBackbone(teacher, backbone, start, {
        layers: Math.max(...teacher.layers),
        trainable: training.fineTune.layers,
      })
    : undefined;
  const checkpoint = run.file(teacherFiles.checkpoint);
  const resumed = existsSync(checkpoint) ? readCheckpointArrays(checkpoint) : undefined;
  const totalSteps = epochs * perEpoch;
  const network = { head, layers: teacher.layers, ...(upper ? { upper } : {}) };
  const trainer = new TeacherTrainer(network, training, totalSteps, resumed?.arrays, resumed?.step);
  const position: Position = resumed
    ? JSON.parse(resumed.position)
    : { curves: [], validations: [], biases: {}, biasRows: [] };
  const board = new TensorBoard(run.file(teacherFiles.tensorBoard));
  const featuresOf = ({ path }: Rating) => cache.read(numbers.get(path) as number);
  const weight = (rating: Rating) => weightOf(rating, votesAtHalfWeight);

  const save = () => {
    trainer.save(checkpoint, { position: JSON.stringify(position) });
    writeCsv(run.file(teacherFiles.curves), position.curves);
    const rows = position.validations.flatMap(({ epoch, figures }) =>
      Object.entries(figures).map(([dataset, of]) => ({ epoch, dataset, ...of })),
    );
    writeCsv(run.file(teacherFiles.validation), rows);
    writeCsv(run.file(teacherFiles.biases), position.biasRows);
    board.flush();
  };
  const step = (places: readonly { index: number }[], atEnd: boolean) => {
    const batch = places.map(({ index }) => {
      const rating = ratings[index] as Rating;
      const bias = position.biases[rating.dataset] ?? noBias;
      return { features: featuresOf(rating), mos: rating.mos, weight: weight(rating), bias };
    });
    const { learningRate } = trainer;
    const values = trainer.train(batch);
    if (trainer.step % curveSteps === 0 || trainer.step === totalSteps) {
      const row = { step: trainer.step, learningRate, ...values };
      position.curves.push(row);
      board.write('train', row);
    }
    if (trainer.step % checkpointSteps === 0 && !atEnd) save();
    progress.training.advance(1, `loss ${values.loss.toFixed(3)}`);
  };
  const scored = (of: readonly Rating[]) =>
    Array.from({ length: Math.ceil(of.length / batchSize) }, (_, batch) => {
      const members = of.slice(batch * batchSize, (batch + 1) * batchSize);
      const scores = trainer.predict(members.map(featuresOf));
      return members.map((rating, index) => ({ ...rating, score: scores[index] as number }));
    }).flat();
  const finishEpoch = (epoch: number) => {
    const figures = figuresOf(scored(heldOut));
    const before = bestOf(position.validations);
    position.validations.push({ epoch, figures: Object.fromEntries(figures) });
    for (const [dataset, { pcc, rmse }] of figures) {
      board.write(`validation ${dataset}`, { step: trainer.step, rmse, ...(pcc === null ? {} : { pcc }) });
    }
    if (!before || selectionOf(figures) < selectionOf(new Map(Object.entries(before.figures)))) {
      writeTeacher(run.file(teacherFiles.best), trainer, start.retrained(), { epoch: String(epoch) });
    }
    if (training.bias.alignment === 'first-order') {
      const all = scored(ratings).map((rating) => ({ ...rating, weight: weight(rating) }));
      for (const dataset of new Set(ratings.map((rating) => rating.dataset))) {
        const members = all.filter((rating) => rating.dataset === dataset);
        const found = dataset === anchor ? noBias : biasOf(members, training.bias.minimumCorrelation);
        // Scores that say too little of a set leave its scale as it was.
        position.biases[dataset] = found ?? position.biases[dataset] ?? noBias;
        position.biasRows.push({ epoch, dataset, ...position.biases[dataset] });
      }
    }
    save();
  };

  progress.training.start(totalSteps, trainer.step);
  for (let epoch = position.validations.length; epoch < epochs; epoch++) {
    const batches = epochBatches([ratings.length], { seed, epoch, batchSize, shardsAtOnce: 1 });
    for (let index = trainer.step - epoch * perEpoch; index < batches.length; index++) {
      step(batches[index] as (typeof batches)[number], index === batches.length - 1);
    }
    finishEpoch(epoch + 1);
  }
  progress.training.stop();
  head.dispose();
  upper?.dispose();
  copyFileSync(run.file(teacherFiles.best), run.file(teacherFiles.teacher));
  describeTeacher(run, teacher, shape.heads);
  run.finish();
  const best = bestOf(position.validations) as Position['validations'][number];
  return { steps: totalSteps, bestEpoch: best.epoch, figures: best.figures, biases: position.biases };
}

/** What the training starts with. `cut`: hidden states up to that layer do not change. */
function readNetwork(teacher: TeacherConfiguration, seed: number) {
  const backbone = readBackboneConfiguration(teacher.backbone);
  const { layers, head, training } = teacher;
  const last = Math.max(...layers);
  if (last > backbone.layers) {
    throw new TrainingError('invalid-input', `layers: ${teacher.backbone} has ${backbone.layers}, asked for ${last}`);
  }
  if (training.fineTune.layers > last) {
    throw new TrainingError(
      'invalid-input',
      `fineTune.layers: the head hears ${last}, asked for ${training.fineTune.layers}`,
    );
  }
  const sources = layers.length as 1 | 2;
  const wanted = { inputs: backbone.width, sources };
  const start =
    'start' in head
      ? HeadWeights.read(head.start)
      : initialHead({ ...wanted, ...head } satisfies HeadConfiguration, seed);
  const shape = start.configuration(head.heads);
  if (shape.inputs !== wanted.inputs || shape.sources !== sources) {
    throw new TrainingError(
      'invalid-input',
      `head: hears ${shape.sources} hidden states of ${shape.inputs} numbers; it is given ${sources} of ${wanted.inputs}`,
    );
  }
  return { backbone, shape, start, cut: last - training.fineTune.layers };
}

function openBackbone(
  { backbone: folder }: TeacherConfiguration,
  configuration: BackboneConfiguration,
  start: HeadWeights,
  options: { layers: number; trainable?: number },
): Backbone {
  const weights = new BackboneWeights(folder);
  try {
    return new Backbone(configuration, start.over(weights), options);
  } finally {
    weights.close();
  }
}

function anchorOf({ training: { bias } }: TeacherConfiguration, ratings: readonly Rating[]): string {
  const anchor = bias.anchor ?? (ratings[0] as Rating).dataset;
  if (!ratings.some(({ dataset }) => dataset === anchor)) {
    throw new TrainingError('invalid-input', `bias.anchor: no rating is of the data set ${anchor}`);
  }
  return anchor;
}

/** One hash of all that is read but stands elsewhere: weights and manifests. */
function hashInputs({ backbone, head }: TeacherConfiguration, manifests: readonly string[]): string {
  const hash = hashBackbone(backbone, createHash('sha256'));
  for (const path of 'start' in head ? [...manifests, head.start] : manifests) hash.update(readFileSync(path));
  return hash.digest('hex');
}

function bestOf(validations: Position['validations']): Position['validations'][number] | undefined {
  const selection = ({ figures }: Position['validations'][number]) => selectionOf(new Map(Object.entries(figures)));
  return [...validations].sort((a, b) => selection(a) - selection(b))[0];
}
