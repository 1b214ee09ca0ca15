import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { readConfiguration } from '../run/files.ts';

const count = z.number().int().positive();
const share = z.number().min(0).max(1);

/** A teacher file: which network, and how it is trained. Paths are relative to the file. */
export const teacherSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  licence: z.string().min(1),
  source: z.string().min(1),
  /** Folder of the Hugging Face model: config.json and model.safetensors. */
  backbone: z.string().min(1),
  /** Hidden states that the head hears: after so many transformer layers, one or two of them. */
  layers: z.array(z.number().int().min(0)).min(1).max(2),
  head: z
    .union([
      /** A head to go on with: one that is published (.pt) or that this verb trained (.safetensors). */
      z.strictObject({ start: z.string().min(1), heads: count.default(4) }),
      /** A new one; defaults are the shape of the published ones. */
      z
        .strictObject({
          width: count.default(32),
          layers: count.default(4),
          heads: count.default(4),
          /** Frames that are heard, of 20 ms in XLS-R: the middle of a longer file. */
          frames: count.default(384),
        })
        .refine(({ width, heads }) => width % heads === 0, { error: 'expected width to be a multiple of heads' }),
    ])
    .prefault({}),
  training: z.strictObject({
    epochs: count,
    batchSize: count.default(32),
    learningRate: z.number().positive().default(1e-3),
    /** Share of the steps in which the learning rate rises. */
    warmup: share.default(0.15),
    weightDecay: z.number().min(0).default(0.01),
    /** Norm to which gradients are clipped. */
    clipNorm: z.number().positive().default(1),
    /** How fast the moving statistics of normalisation follow those of the batches. */
    statisticsMomentum: z.number().gt(0).max(1).default(0.1),
    fineTune: z
      .strictObject({
        /** Transformer layers that are trained with the head: the last ones of those that it hears. */
        layers: z.number().int().min(0).default(0),
        /** Their learning rate as a share of the head's. */
        rate: share.default(0.01),
      })
      .prefault({}),
    /**
     * Votes at which a rating has half the weight of one that has no error: n votes weigh n / (n + this), which is the inverse
     * of the variance of their mean beside that of the network's own error. Ratings without a number of votes weigh 1.
     */
    votesAtHalfWeight: z.number().min(0).default(4),
    bias: z
      .strictObject({
        /** Whether each data set has a scale of its own, or all have one. */
        alignment: z.enum(['first-order', 'none']).default('first-order'),
        /** The data set whose scale is the teacher's. Default: that of the first rating. */
        anchor: z.string().min(1).optional(),
        /** A scale is looked for once the scores have this correlation with the ratings of the set. */
        minimumCorrelation: share.default(0.7),
      })
      .prefault({}),
    /** Bits of a number of the cached hidden states. */
    cacheBits: z.union([z.literal(16), z.literal(32)]).default(16),
    /** Steps between two checkpoints and between two lines of the curves. */
    checkpointSteps: count.default(200),
    curveSteps: count.default(20),
  }),
});

export type TeacherConfiguration = z.output<typeof teacherSchema>;

/** Reads a teacher file; paths become absolute. */
export function readTeacherConfiguration(path: string): TeacherConfiguration {
  const configuration = readConfiguration(path, teacherSchema);
  const absolute = (relative: string) => resolve(dirname(path), relative);
  const { backbone, head } = configuration;
  return {
    ...configuration,
    backbone: absolute(backbone),
    head: 'start' in head ? { ...head, start: absolute(head.start) } : head,
  };
}
