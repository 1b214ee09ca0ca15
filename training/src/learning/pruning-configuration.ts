import { z } from 'zod';

const count = z.number().int().positive();
const steps = z.number().int().min(0);
const weight = z.number().min(0);

/** A pruning file: how far a network is reduced, and how it is trained in between. */
export const pruningSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/),
  description: z.string(),
  /** Budget at the end; where it exceeds the network's size nothing is removed, and the network is only trained. */
  target: z.union([
    z.strictObject({ parameters: count }),
    /** Multiplications and additions for a second of audio at one score per second. */
    z.strictObject({ macsPerSecond: count }),
  ]),
  /** Rounds of removing units, each the same share of those left, with training after each. */
  rounds: count,
  /** Batches on which importance is measured, each time. */
  importanceBatches: count.default(32),
  /** Largest share of a layer's units that goes at once, unless the target cannot be met otherwise. */
  mostPerRound: z.number().gt(0).max(1).default(0.5),
  /** Groups of units that stay whole, as `heads` or `layer.0`. */
  spare: z.array(z.string()).default([]),
  /** Of Distill-MOS, which takes a third of a second each: how many clips to validate on, evenly spread. Default: all. */
  validationClips: count.optional(),
  /**
   * Of Distill-MOS: after units were taken out, the convolutions and the projection that are left are fitted by least squares to
   * what they said before, on so many clips.
   */
  refit: z.strictObject({ clips: count }).optional(),
  /** Of Distill-MOS: adds auxiliary heads with so many hidden units (`besides` of its shape). */
  besides: z.strictObject({ hidden: count }).optional(),
  training: z.strictObject({
    /**
     * Of Distill-MOS: the convolutions, or all but the output that tells where somebody speaks, stay as they are, and what they
     * make of a clip is computed once.
     */
    frozen: z.enum(['convolutions', 'all-but-speech']).optional(),
    /** Loss weights of a network with auxiliary heads. */
    losses: z
      .strictObject({ likelihood: weight.default(0.2), speech: weight.default(0.3), causes: weight.default(0.1) })
      .prefault({}),
    /** Steps after each round, and after the last one. */
    steps,
    finalSteps: steps,
    batchSize: count.default(16),
    /** Highest of a one-cycle per round. */
    learningRate: z.number().positive(),
    warmup: z.number().min(0).max(1).default(0.1),
    weightDecay: z.number().min(0).default(0.02),
    clipNorm: z.number().positive().default(2),
    shardsInMemory: z.number().int().min(2).default(8),
    /** Steps between two checkpoints and between two lines of the curves. */
    checkpointSteps: count.default(100),
    curveSteps: count.default(10),
  }),
});

export type PruningConfiguration = z.output<typeof pruningSchema>;
