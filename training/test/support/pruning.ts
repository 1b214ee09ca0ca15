import { pruningSchema } from '../../src/learning/pruning-configuration.ts';

/** Takes the tiny student down to a quarter of its parameters. */
export const quarter = pruningSchema.parse({
  name: 'quarter',
  description: 'for tests',
  target: { parameters: 400 },
  rounds: 2,
  importanceBatches: 3,
  training: { steps: 5, finalSteps: 7, batchSize: 8, learningRate: 0.01, checkpointSteps: 2, curveSteps: 2 },
});
