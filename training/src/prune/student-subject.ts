import type { StudentConfiguration } from '../learning/configuration.ts';
import type { CurveRow } from '../learning/curves.ts';
import type { DataSet } from '../learning/data-set.ts';
import { lossGradients } from '../learning/losses.ts';
import type { ClipPlace } from '../learning/order.ts';
import type { PruningConfiguration } from '../learning/pruning-configuration.ts';
import { distillFiles } from '../learning/trained.ts';
import { Trainer } from '../learning/trainer.ts';
import { validate } from '../learning/validate.ts';
import { type InputShape, inputShapeOf, trainingBatch } from '../learning/windows.ts';
import type { Random } from '../run/random.ts';
import type { Weights } from '../structure/structure.ts';
import { studentFamily } from '../structure/student-family.ts';
import type { NetworkConfiguration } from '../student/configuration.ts';
import { sensitivities } from './importance.ts';
import type { Subject, Tuner } from './subject.ts';

export interface StudentSubjectOptions {
  student: StudentConfiguration;
  weights: Weights;
  pruning: PruningConfiguration;
  train: DataSet;
  validation: DataSet;
}

/** A student to be pruned: it goes on learning as it learnt, from the same windows and losses. */
export function studentSubject({
  student,
  weights,
  pruning,
  train,
  validation,
}: StudentSubjectOptions): Subject<NetworkConfiguration> {
  const of = (network: NetworkConfiguration) => smallerStudent(student, network, pruning);
  return {
    ...{ family: studentFamily, shape: student.network, weights, shardSizes: train.shardSizes },
    resultFile: distillFiles.student,
    begin: (network, arrays, totalSteps) =>
      new StudentTuner(Trainer.create(of(network), totalSteps, 0, arrays), of(network), train, validation),
    resume: (network, totalSteps, path) =>
      new StudentTuner(Trainer.resume(of(network), totalSteps, path).trainer, of(network), train, validation),
  };
}

/** Name of the result, and its training settings. */
function smallerStudent(
  student: StudentConfiguration,
  network: NetworkConfiguration,
  { name, description, training }: PruningConfiguration,
): StudentConfiguration {
  const { steps: _, finalSteps: __, ...shared } = training;
  const { only: ___, ...learnt } = student.training;
  const losses = { ...learnt.losses, meanFirst: 0 };
  return { name, description, network, training: { ...learnt, ...shared, losses } };
}

class StudentTuner implements Tuner {
  readonly #trainer: Trainer;
  readonly #student: StudentConfiguration;
  readonly #train: DataSet;
  readonly #validation: DataSet;
  readonly #shape: InputShape;

  constructor(trainer: Trainer, student: StudentConfiguration, train: DataSet, validation: DataSet) {
    this.#trainer = trainer;
    this.#student = student;
    this.#train = train;
    this.#validation = validation;
    this.#shape = inputShapeOf(student.network);
  }

  get step(): number {
    return this.#trainer.step;
  }

  get learningRate(): number {
    return this.#trainer.learningRate;
  }

  train(places: readonly ClipPlace[], random: Random) {
    return { ...this.#trainer.train(this.#batch(places, random), random) };
  }

  sensitivities(places: readonly ClipPlace[], random: Random) {
    const { network, training } = this.#student;
    const { gradients } = lossGradients(this.#trainer.network, this.#batch(places, random), {
      weights: training.losses,
      progress: 1,
    });
    return sensitivities(studentFamily.groups(network), studentFamily.layouts(network), this.weights(), gradients);
  }

  validate(): CurveRow {
    return { ...validate(this.#trainer.network, this.#validation, this.#student.training.windows, this.#shape) };
  }

  weights(): Weights {
    return this.#trainer.weights();
  }

  save(path: string, metadata: Readonly<Record<string, string>>): void {
    this.#trainer.save(path, metadata);
  }

  saveResult(path: string): void {
    this.#trainer.saveWeights(path, { student: JSON.stringify(this.#student) });
  }

  dispose(): void {
    this.#trainer.dispose();
  }

  #batch(places: readonly ClipPlace[], random: Random) {
    const clips = places.map((place) => this.#train.clip(place));
    return trainingBatch(clips, random, this.#student.training.windows, this.#shape);
  }
}
