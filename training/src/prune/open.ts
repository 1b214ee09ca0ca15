import { statSync } from 'node:fs';
import { readInitial } from '../distill/initial.ts';
import { readDistillMos } from '../distill-mos/checkpoint.ts';
import { publishedShape, withBesides } from '../distill-mos/shape.ts';
import { distillMosAt } from '../export/network-at.ts';
import { isPublished, keepPublished } from '../export/published.ts';
import type { PruningConfiguration } from '../learning/pruning-configuration.ts';
import { checkDisjoint, openTaught } from '../learning/taught.ts';
import { isRun, trainedOn } from '../learning/trained.ts';
import { openTaughtWaveforms, openWaveforms } from '../learning/waveforms.ts';
import { TrainingError } from '../run/errors.ts';
import type { Progress } from '../run/progress.ts';
import { readDescription } from '../teach/description.ts';
import { distillMosSubject } from './distill-mos-subject.ts';
import { prune } from './prune.ts';
import { studentSubject } from './student-subject.ts';
import type { Subject } from './subject.ts';

export interface PruneRunOptions {
  out: string;
  /** Run of `distill` or `prune`, manifest of a model, or description of the published Distill-MOS. */
  initial: string;
  pruning: PruningConfiguration;
  /** Run folders of `teach`. */
  train: readonly string[];
  validation: readonly string[];
  seed: number;
  progress?: Progress;
}

/** Opens a student or Distill-MOS with its data, and prunes it; a row per round. */
export function pruneRun({ initial, train, validation, ...options }: PruneRunOptions) {
  const { pruning } = options;
  const { shardsInMemory } = pruning.training;
  checkDisjoint([...train, ...trainedOn(initial)], validation);
  const sources = { initial, train, validation };
  const pruned = <Shape>(subject: Subject<Shape>) => {
    const rounds = prune({ ...options, sources, subject });
    keepPublished(options.out, initial);
    return rounds;
  };
  const distillMos = openDistillMos(initial);
  if (distillMos) {
    const { shape } = distillMos;
    const wanted = pruning.besides;
    if (wanted && shape.besides && wanted.hidden !== shape.besides.hidden) {
      throw new TrainingError(
        'invalid-input',
        `besides: ${initial} says more from ${shape.besides.hidden} hidden units`,
      );
    }
    const whole = wanted && !shape.besides ? withBesides(distillMos, wanted.hidden, options.seed) : distillMos;
    const saysMore = whole.shape.besides !== undefined;
    if (!saysMore && pruning.training.frozen === 'all-but-speech') {
      throw new TrainingError('invalid-input', `training.frozen: ${initial} does not tell where somebody speaks`);
    }
    const data = {
      train: saysMore ? openTaughtWaveforms(train, shardsInMemory) : openWaveforms(train, shardsInMemory),
      validation: openWaveforms(validation, shardsInMemory, pruning.validationClips),
    };
    return pruned(distillMosSubject({ ...whole, ...data, pruning }));
  }
  refuseForStudents(pruning);
  const data = { train: openTaught(train, shardsInMemory), validation: openTaught(validation, shardsInMemory) };
  const begun = readInitial(initial, data.train, options.seed);
  return pruned(studentSubject({ ...begun, ...data, pruning }));
}

/** Refuses options that only Distill-MOS has. */
function refuseForStudents({ validationClips, refit, besides, training }: PruningConfiguration): void {
  const told = { validationClips, refit, besides, 'training.frozen': training.frozen };
  const wrong = Object.entries(told).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (wrong.length > 0) {
    throw new TrainingError('invalid-input', `${wrong.join(', ')}: for Distill-MOS only, and this is a student`);
  }
}

function openDistillMos(initial: string) {
  if (isRun(initial) || isPublished(initial)) {
    const made = distillMosAt(initial);
    return made && { shape: made.description.shape, weights: made.weights };
  }
  if (!statSync(initial, { throwIfNoEntry: false })?.isFile()) {
    throw new TrainingError(
      'invalid-input',
      `${initial}: neither a run of "distill" or "prune" nor the manifest of a model nor the description of a teacher`,
    );
  }
  const { format, path } = readDescription(initial);
  if (format !== 'distill-mos') {
    throw new TrainingError('invalid-input', `${initial}: format: expected distill-mos, got ${format}`);
  }
  return { shape: publishedShape, weights: readDistillMos(path) };
}
