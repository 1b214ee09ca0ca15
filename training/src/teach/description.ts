import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { cacheFolder } from '../../scripts/cache.mjs';
import { TrainingError } from '../run/errors.ts';
import { readConfiguration } from '../run/files.ts';

const count = z.number().int().positive();
const moves = z.array(z.number().int().min(0).max(16_000)).refine((samples) => samples.includes(0), {
  error: 'expected 0 among them, which is all that a very short clip has',
});

/**
 * A teacher's description file (YAML or JSON): where its network is, what it is fed, and how its output is read. The
 * input is always 16 kHz mono.
 */
const descriptionFields = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  licence: z.string().min(1),
  source: z.string().min(1),
  /** The network: a path relative to the description, or to the folder of a package that set-up fetched. */
  file: z.string().min(1),
  package: z.string().min(1).optional(),
  /**
   * `onnx`: the file is the network. `distill-mos`: the file is Distill-MOS's checkpoint. `xls-r-sqa`: the file is a head that
   * hears hidden states of XLS-R, published (.pt) or trained by the verb `teacher` (.safetensors).
   */
  format: z.enum(['onnx', 'distill-mos', 'xls-r-sqa']).default('onnx'),
  xlsR: z
    .strictObject({
      /** Folder of the Hugging Face model, relative as `file` is. */
      backbone: z.string().min(1),
      /** Hidden states that the head hears: after so many transformer layers. */
      layers: z.array(z.number().int().min(0)).min(1).max(2),
      /** Attention heads of the head, which its file does not tell. */
      heads: count.default(4),
    })
    .optional(),
  window: z.strictObject({
    /** Samples that the network takes; absent: any number. */
    samples: count.optional(),
    /** What a clip with fewer samples is filled up with: itself again and again, or silence. */
    short: z.enum(['repeat', 'zeros']).default('zeros'),
    /**
     * Where the windows of a longer clip begin: every `hop` samples from its start, or so many that they lie at most
     * `hop` apart, from its start to its end. The score is their mean.
     */
    placement: z.enum(['from-start', 'spread']).default('spread'),
    hop: count.default(16_000),
    /**
     * Samples from the start that are left out, once for each number: the score is the mean over these. A network whose frames
     * lie 10 ms apart says other things of a clip that begins 5 ms later.
     */
    moves: moves.default([0]),
  }),
  frontEnd: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('waveform') }),
      /** Mel bands in dB below the loudest, [1, frames, mels], (dB + 40) / 40, as librosa's power_to_db with top_db 80. */
      z.strictObject({
        kind: z.literal('mel-db'),
        fftSize: count,
        hop: count,
        mels: count,
        cutEnd: z.number().int().min(0),
      }),
      /** Natural logarithm of the magnitude over 20, [1, 1, frames, bins]; periodic Hamming window. */
      z.strictObject({ kind: z.literal('log-magnitude'), fftSize: count, hop: count }),
    ])
    .default({ kind: 'waveform' }),
  /** Name of the network's input for the audio. */
  input: z.string().min(1).default('waveform'),
  /** A second input of normal random numbers, the score being the mean over several draws. */
  random: z
    .strictObject({ input: z.string().min(1), shape: z.array(count), draws: count, seed: z.number().int() })
    .optional(),
  output: z.strictObject({
    /** Index of the value that is read from the first output. */
    index: z.number().int().min(0).default(0),
    /** Coefficients of a polynomial of it, constant first; default: the value itself. */
    polynomial: z.array(z.number()).min(1).default([0, 1]),
  }),
});

const descriptionSchema = descriptionFields
  .refine(({ format, xlsR }) => (format === 'xls-r-sqa') === (xlsR !== undefined), {
    error: 'expected xlsR together with format: xls-r-sqa',
  })
  .refine(({ xlsR, frontEnd, random }) => !xlsR || (frontEnd.kind === 'waveform' && !random), {
    error: 'xls-r-sqa takes a waveform and nothing random',
  });

export type TeacherDescription = z.output<typeof descriptionSchema> & {
  /** Absolute path of the network. */
  path: string;
};

export function readDescription(path: string): TeacherDescription {
  const description = readConfiguration(path, descriptionSchema);
  const folder = description.package ? join(cacheFolder(), description.package) : dirname(resolve(path));
  const network = resolve(folder, description.file);
  if (!existsSync(network)) {
    const hint = description.package ? ' (scripts/setup.mjs fetches the packages)' : '';
    throw new TrainingError('invalid-input', `${path}: there is no ${network}${hint}`);
  }
  const { xlsR } = description;
  return {
    ...description,
    path: network,
    ...(xlsR && { xlsR: { ...xlsR, backbone: resolve(folder, xlsR.backbone) } }),
  };
}

/** A full-reference metric that is a program (see `PairProgram`): a Python script that set-up has brought the packages of. */
const metricSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  licence: z.string().min(1),
  source: z.string().min(1),
  /** Folder of the cache that holds the script's Python packages. */
  package: z.string().min(1),
  /** The script, relative to the description. */
  program: z.string().min(1),
  /** Its scale: of a pair that has nothing in common, and of equal signals. */
  worst: z.number(),
  best: z.number(),
});

export type Metric = z.output<typeof metricSchema> & {
  /** Absolute paths of the script and of its packages. */
  path: string;
  packages: string;
};

export function readMetric(path: string): Metric {
  const metric = readConfiguration(path, metricSchema);
  const script = resolve(dirname(path), metric.program);
  const packages = join(cacheFolder(), metric.package);
  for (const needed of [script, packages]) {
    if (!existsSync(needed)) {
      throw new TrainingError(
        'invalid-input',
        `${path}: there is no ${needed} (scripts/setup.mjs fetches the packages)`,
      );
    }
  }
  return { ...metric, path: script, packages };
}

/**
 * Which teachers label together, and with what weight: the label is their weighted mean. With `inTime` that is so where nothing
 * happened to a clip in time; else the mean is that of the clip before that, and the label what the metric leaves of it (`keptMos`).
 */
const ensembleSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  /** Paths of descriptions, relative to this file; `hop` and `moves` in place of those of the description's window. */
  teachers: z
    .array(
      z.strictObject({
        ...{ description: z.string(), weight: z.number().positive() },
        ...{ hop: count.optional(), moves: moves.optional() },
      }),
    )
    .min(1),
  inTime: z
    .strictObject({
      /** Of the metric, relative to this file. */
      description: z.string(),
      exponent: z.number().positive(),
    })
    .optional(),
});

export interface Ensemble {
  name: string;
  teachers: { description: TeacherDescription; weight: number }[];
  inTime?: { metric: Metric; exponent: number };
}

export function readEnsemble(path: string): Ensemble {
  const { name, teachers, inTime } = readConfiguration(path, ensembleSchema);
  const metric = inTime && readMetric(resolve(dirname(path), inTime.description));
  return {
    name,
    ...(metric && inTime ? { inTime: { exponent: inTime.exponent, metric } } : {}),
    teachers: teachers.map(({ description: file, weight, hop, moves }) => {
      const description = readDescription(resolve(dirname(path), file));
      const { window: own } = description;
      const window = { ...own, hop: hop ?? own.hop, moves: moves ?? own.moves };
      return { description: { ...description, window }, weight };
    }),
  };
}
