import type { StudentConfiguration } from '../learning/configuration.ts';
import type { DataSet } from '../learning/data-set.ts';
import { type Validation, validate } from '../learning/validate.ts';
import { inputShapeOf } from '../learning/windows.ts';
import type { NamedArrays } from '../run/arrays.ts';
import { type Progress, silentProgress } from '../run/progress.ts';
import { Network } from '../student/network.ts';
import type { WeightArrays } from '../student/weights.ts';

const shares = [0, 0.2, 0.4, 0.6, 0.8, 1];

export interface SharesOptions {
  student: StudentConfiguration;
  /** What the training began with, and what it came to. */
  initial: WeightArrays;
  trained: NamedArrays;
  /** Validation sets by name. */
  sets: readonly { name: string; data: DataSet }[];
  progress?: Progress;
}

/** How a student does on one set, had it kept this share of what it was. */
export type ShareRow = { initialShare: number; set: string } & Record<keyof Validation, number>;

/** What each share of the old weights keeps of the old and costs of the new: a row for each share and set. */
export function shareRows({ student, initial, trained, sets, progress = silentProgress }: SharesOptions): ShareRow[] {
  const { network, training } = student;
  const shape = inputShapeOf(network);
  progress.start(shares.length * sets.length);
  const rows = shares.flatMap((initialShare) => {
    const weights = [...mixedWith(initial, trained, initialShare)];
    const mixed = new Network(network, new Map(weights.map(([name, { values }]) => [name, values])));
    const found = sets.map(({ name, data }) => {
      const row = { initialShare, set: name, ...validate(mixed, data, training.windows, shape) };
      progress.advance();
      return row;
    });
    mixed.dispose();
    return found;
  });
  progress.stop();
  return rows;
}

/** Between two networks of one shape, value by value. */
export function mixedWith(initial: WeightArrays, trained: NamedArrays, initialShare: number): NamedArrays {
  return new Map(
    [...trained].map(([name, { shape, values }]) => {
      const before = initial.get(name) as Float32Array;
      const mixed = values.map((value, n) => (1 - initialShare) * value + initialShare * (before[n] as number));
      return [name, { shape, values: mixed }];
    }),
  );
}
