// Makes training/ ready to run: packages, TensorFlow binding, teachers. Each step is skipped when it is already done.
// MOS_TRAINING_GPU=1 builds the binding for NVIDIA GPUs too.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf, root, run, runIfScript, stamp } from '../../scripts/lib.mjs';
import { providePackages, toTrain } from '../../scripts/system-packages.mjs';
import { fetchTeachers } from './teachers.mjs';
import { buildTensorflowBinding } from './tensorflow.mjs';

const training = join(root, 'training');

async function installPackages() {
  const hash = hashOf(['training/package.json', 'training/package-lock.json'], [process.version]);
  const stampFile = join(training, 'node_modules/.setup');
  if (existsSync(join(training, 'node_modules')) && stamp.matches(stampFile, hash)) return;
  await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: training });
  stamp.write(stampFile, hash);
}

export async function setup() {
  await providePackages(toTrain);
  await installPackages();
  await buildTensorflowBinding('cpu');
  if (process.env.MOS_TRAINING_GPU === '1') await buildTensorflowBinding('gpu');
  await fetchTeachers();
}

await runIfScript(import.meta.url, setup);
