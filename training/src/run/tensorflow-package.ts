import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { TrainingError } from './errors.ts';

/** The packages that TensorFlow.js comes in: the same code, built against TensorFlow for CPUs and for NVIDIA GPUs. */
export const tensorflowPackages = { cpu: '@tensorflow/tfjs-node', gpu: '@tensorflow/tfjs-node-gpu' } as const;

export type TensorflowPackage = (typeof tensorflowPackages)[keyof typeof tensorflowPackages];

/**
 * Which package computes: that for GPUs where set-up built it, else that for CPUs. MOS_TRAINING_GPU asks for one: 1 for
 * GPUs, 0 for CPUs.
 *
 * @throws {TrainingError} missing-tool when the package that is asked for is not built, invalid-input for other values
 */
export function choosePackage(
  { MOS_TRAINING_GPU: wanted = '' }: Readonly<Record<string, string | undefined>>,
  isBuilt: (name: TensorflowPackage) => boolean = hasBinding,
): TensorflowPackage {
  const { cpu, gpu } = tensorflowPackages;
  if (!['', '0', '1'].includes(wanted)) {
    throw new TrainingError('invalid-input', `MOS_TRAINING_GPU: expected 0 or 1, got ${JSON.stringify(wanted)}`);
  }
  if (wanted === '') return isBuilt(gpu) ? gpu : cpu;
  const chosen = wanted === '1' ? gpu : cpu;
  if (!isBuilt(chosen)) {
    const setup = `${wanted === '1' ? 'MOS_TRAINING_GPU=1 ' : ''}node training/scripts/setup.mjs`;
    throw new TrainingError('missing-tool', `${chosen} is not built (MOS_TRAINING_GPU is ${wanted}): run ${setup}`);
  }
  return chosen;
}

/** Whether a package is installed and set-up has put the binding into it. */
function hasBinding(name: TensorflowPackage): boolean {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
    return existsSync(join(folder, 'lib/napi-v8/tfjs_binding.node'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return false;
    throw error;
  }
}
