// Builds and runs the C++ tests: node scripts/native-tests.mjs
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { filesBelow, root, run, runIfScript, UserError } from './lib.mjs';

/** Makes a target of test/native/Makefile. */
export async function makeSanitized(target) {
  const make = ['make', '--no-print-directory', '-f', 'test/native/Makefile', `-j${availableParallelism()}`, target];
  await run('mkdir', ['-p', 'build']);
  await run('flock', ['build/sanitized.lock', ...make]);
}

export async function runNativeTests() {
  if (!filesBelow(join(root, 'test/native')).some((file) => file.endsWith('.cpp'))) {
    throw new UserError('test/native has no tests');
  }
  await makeSanitized('tests');
  await run('build/sanitized/tests', []);
}

await runIfScript(import.meta.url, runNativeTests);
