// Checks the types, then runs the tests of training/ (or those files that are named): one file per processor at once, one thread each.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { filesBelow, root, run, runIfScript } from '../../scripts/lib.mjs';
import { providePackages, toTest } from '../../scripts/system-packages.mjs';
import { setup } from './setup.mjs';

async function test() {
  await setup();
  await providePackages({ 'redis-server': toTest['redis-server'] });
  await run(join(root, 'node_modules/.bin/tsc'), ['--noEmit', '-p', join(root, 'training')]);
  const named = process.argv.slice(2);
  const files =
    named.length > 0 ? named : filesBelow(join(root, 'training/test')).filter((file) => file.endsWith('.test.ts'));
  const env = { OMP_NUM_THREADS: '1', TF_NUM_INTRAOP_THREADS: '1', TF_CPP_MIN_LOG_LEVEL: '2', ...process.env };
  await run(process.execPath, ['--import', 'tsx', '--test', `--test-concurrency=${availableParallelism()}`, ...files], {
    cwd: join(root, 'training'),
    env,
  });
}

await runIfScript(import.meta.url, test);
