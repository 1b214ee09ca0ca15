import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Command } from 'commander';
import type { z } from 'zod';
import type { readInitial } from '../distill/initial.ts';
import { isWider, widened } from '../distill/widened.ts';
import { type StudentConfiguration, studentSchema } from '../learning/configuration.ts';
import { readArrays } from '../run/arrays.ts';
import { TrainingError } from '../run/errors.ts';
import { readConfiguration, writeCsv } from '../run/files.ts';
import { terminalProgress } from '../run/progress.ts';
import { type NetworkConfiguration, networkSchema } from '../student/configuration.ts';
import type { WeightArrays } from '../student/weights.ts';
import { collect, outOption, seedOption } from './options.ts';

/** A student that begins with another's network need not say its shape. */
const studentFileSchema = studentSchema.extend({ network: networkSchema.optional() });

interface DistillFlags {
  student: string;
  initial?: string;
  train: string[];
  validation: string[];
  out: string;
  seed: number;
}

export function distillCommand(): Command {
  return new Command('distill')
    .description('trains a student on labelled clips; started again after a kill it goes on')
    .requiredOption('--student <file>', 'shape of the network and how it is trained (YAML or JSON)')
    .option(
      '--initial <path>',
      'run of "distill" or "prune", or manifest of a model, whose student is trained on; --student may leave out network, or have more units',
    )
    .requiredOption('--train <folder>', 'run folder of "teach" (repeatable)', collect, [])
    .requiredOption('--validation <folder>', 'the same, of other speakers (repeatable)', collect, [])
    .addOption(outOption())
    .addOption(seedOption())
    .action(async (flags: DistillFlags) => {
      const described = readConfiguration(flags.student, studentFileSchema);
      // TensorFlow takes a second to load: only the verbs that need it do.
      const [
        { distill },
        { shareRows },
        { readInitial },
        { checkDisjoint, openTaught },
        { distillFiles, trainedOn },
        { keepPublished },
      ] = await Promise.all([
        import('../distill/distill.ts'),
        import('../distill/shares.ts'),
        import('../distill/initial.ts'),
        import('../learning/taught.ts'),
        import('../learning/trained.ts'),
        import('../export/published.ts'),
      ]);
      const initial = flags.initial === undefined ? undefined : resolve(flags.initial);
      const sources = {
        train: flags.train.map((path) => resolve(path)),
        validation: flags.validation.map((path) => resolve(path)),
        ...(initial === undefined ? {} : { initial }),
      };
      checkDisjoint([...sources.train, ...(initial === undefined ? [] : trainedOn(initial))], sources.validation);
      const { shardsInMemory } = described.training;
      const train = openTaught(sources.train, shardsInMemory);
      const begun = initial === undefined ? undefined : readInitial(initial, train, flags.seed);
      const student = studentOf(described, begun?.student.network, flags.student);
      const weights = begun && initialOf(student, begun, flags);
      const { steps, bestEpoch, best } = distill({
        ...{ out: flags.out, student, sources, seed: flags.seed },
        ...(weights ? { initial: weights } : {}),
        train,
        validation: openTaught(sources.validation, shardsInMemory),
        progress: terminalProgress('distill'),
      });
      keepPublished(flags.out, initial);
      console.log(`${steps} steps; the best epoch is ${bestEpoch}:`);
      console.table(best);
      if (!weights || student.training.only) return;
      const rows = shareRows({
        ...{ student, initial: weights, trained: readArrays(join(flags.out, distillFiles.best)).arrays },
        sets: flags.validation.map((name) => ({ name, data: openTaught([resolve(name)], shardsInMemory) })),
        progress: terminalProgress('shares'),
      });
      writeCsv(join(flags.out, distillFiles.shares), rows);
      console.log('with other shares of what it began with:');
      console.table(rows.map(({ initialShare, set, pcc, rmse }) => ({ initialShare, set, pcc, rmse })));
    });
}

function studentOf(
  described: z.output<typeof studentFileSchema>,
  initial: NetworkConfiguration | undefined,
  file: string,
): StudentConfiguration {
  const network = described.network ?? initial;
  if (!network) throw new TrainingError('invalid-input', `${file}: network: needed without --initial`);
  return { ...described, network };
}

/** What the training begins with. */
function initialOf(
  { network }: StudentConfiguration,
  { student, weights }: ReturnType<typeof readInitial>,
  { student: file, seed }: DistillFlags,
): WeightArrays {
  if (isDeepStrictEqual(network, student.network)) return weights;
  if (isWider(network, student.network)) return widened(student.network, weights, network, seed);
  throw new TrainingError(
    'invalid-input',
    `${file}: network: is neither that of --initial nor that one with more units; leave it out`,
  );
}
