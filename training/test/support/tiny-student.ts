import { studentSchema } from '../../src/learning/configuration.ts';

/** A student of a few hundred parameters for 16 bands, trained in seconds. */
export const tinyStudent = studentSchema.parse({
  name: 'tiny',
  description: 'for tests',
  network: {
    mels: 16,
    trunk: [
      { channels: 4, stride: [2, 2] },
      { channels: 6, stride: [2, 2], separable: true },
    ],
    width: 8,
    memory: { kind: 'lstm' },
    pooling: { heads: 2 },
    hidden: 8,
  },
  training: {
    epochs: 3,
    batchSize: 8,
    learningRate: 0.02,
    checkpointSteps: 3,
    curveSteps: 2,
    shardsInMemory: 2,
    windows: { shortest: 40, longest: 96, contextFrames: 40, arrivalFrames: 20 },
  },
});
