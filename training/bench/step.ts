// Trains a student on made-up clips, as `distill` does: our side of training-speed.ts. Lines in and out as in step.py.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { studentSchema } from '../src/learning/configuration.ts';
import { Trainer } from '../src/learning/trainer.ts';
import { floorLog10, type InputShape, trainingBatch } from '../src/learning/windows.ts';
import { Random } from '../src/run/random.ts';
import { framesPerStep } from '../src/student/configuration.ts';
import { parameterCount } from '../src/student/weights.ts';
import { syntheticData } from '../test/support/synthetic.ts';
import type { StepSetup } from './training-speed.ts';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { network, training, batchSize, frames } = JSON.parse((await lines.next()).value as string) as StepSetup;
const student = studentSchema.parse({ name: 'bench', description: 'made-up clips', network, training });
const data = syntheticData(1, 1, batchSize, { frames, mels: network.mels });
const trainer = Trainer.create(student, 1e6, 1);
const shape: InputShape = { mels: network.mels, framesPerStep: framesPerStep(network), floorLog10 };
// Every sequence is one whole window, so that both sides compute the same number of frames.
const windows = { ...training.windows, longest: frames, shortened: 0, context: 0 };

function step() {
  const clips = Array.from({ length: batchSize }, (_, index) => data.clip({ shard: 0, index }));
  const random = Random.derive(1, 'batch', trainer.step);
  trainer.train(trainingBatch(clips, random, windows, shape), random);
}

const answer = (value: object) => process.stdout.write(`${JSON.stringify(value)}\n`);
const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const version = (createRequire(import.meta.url)('@tensorflow/tfjs-node/package.json') as { version: string }).version;
answer({ parameters: parameterCount(network), version });
for await (const line of lines) {
  const [wall, cpu] = [performance.now(), cpuMs()];
  for (let n = 0; n < Number(line); n++) step();
  answer({ wallMs: performance.now() - wall, cpuMs: cpuMs() - cpu });
}
