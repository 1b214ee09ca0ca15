import { z } from 'zod';
import { networkSchema } from '../student/configuration.ts';

const count = z.number().int().positive();
const weight = z.number().min(0);
const share = z.number().min(0).max(1);

export const trainingSchema = z.strictObject({
  epochs: count,
  /** The one output that is trained; the rest of a network that is done stays as it is. Default: all is trained. */
  only: z.enum(['speech']).optional(),
  /**
   * Of the weights that a training with --initial leaves, this share is of those that it began with, after the epoch that is kept:
   * what is new is learnt, and less of what was known is lost (M. Wortsman et al., arXiv 2109.01903).
   */
  initialShare: share.default(0),
  batchSize: count.default(32),
  learningRate: z.number().positive().default(2e-3),
  /** Share of the steps in which the learning rate rises. */
  warmup: share.default(0.15),
  weightDecay: weight.default(0.02),
  /** Share of the values before the memory, and after the pooling, that each step of training leaves out. */
  dropout: z.number().min(0).lt(1).default(0),
  /** Norm to which gradients are clipped. */
  clipNorm: z.number().positive().default(2),
  /** How fast the moving statistics of normalisation follow those of the batches. */
  statisticsMomentum: z.number().gt(0).max(1).default(0.02),
  losses: z
    .strictObject({
      squaredError: weight.default(1),
      /** Weight of the Gaussian likelihood once the mean is learnt ... */
      likelihood: weight.default(0.2),
      /** ... which it is after this share of the steps; the weight then rises over as long a share again. */
      meanFirst: share.default(0.2),
      speech: weight.default(0.5),
      causes: weight.default(0.2),
    })
    .prefault({}),
  windows: z
    .strictObject({
      /** Shortest and longest window, frames of 10 ms. */
      shortest: count.default(300),
      longest: count.default(768),
      /** How often a window is shorter than its clip. */
      shortened: share.default(0.4),
      /** How often other sound comes before the window, which the memory hears and the pooling does not: as in a call. */
      context: share.default(0.5),
      /** Longest such sound, frames. */
      contextFrames: count.default(384),
      /** Drawn lengths are multiples of this, frames: a shape that was met before trains faster. */
      granularity: count.default(64),
      /** How often each frame's gain is that of its arrival instead of the whole window's. */
      arrivalGain: share.default(0.5),
      /** Frames that arrive at once in a call. */
      arrivalFrames: count.default(100),
      /** Gain added to a whole window, dB. */
      gainDb: z.tuple([z.number(), z.number()]).default([-6, 3]),
      /** How often the talker's frequencies are moved, as if of another size, and by what share of themselves at most. */
      warped: share.default(0),
      warpRange: z.number().min(0).max(0.5).default(0.06),
      /** How often the spectrum is bent, as by another microphone, and by how much (standard deviation, dB). */
      toned: share.default(0),
      toneDb: z.number().min(0).max(20).default(2),
    })
    .refine(({ shortest, longest }) => shortest <= longest, { error: 'expected shortest <= longest' })
    .prefault({}),
  /** Shards kept in memory at once: what is shuffled together. */
  shardsInMemory: count.default(24),
  /** Steps between two checkpoints and between two lines of the curves. */
  checkpointSteps: count.default(200),
  curveSteps: count.default(20),
});

/** A student file: what is made and how. */
export const studentSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/),
  description: z.string(),
  network: networkSchema,
  training: trainingSchema,
});

export type TrainingConfiguration = z.output<typeof trainingSchema>;
export type StudentConfiguration = z.output<typeof studentSchema>;
export type WindowConfiguration = TrainingConfiguration['windows'];
