// Sets up what is missing, then runs a TypeScript program with the arguments that follow it:
//   node scripts/run.mjs examples/conference/src/main.ts [ARGUMENT ...]
import { spawn } from 'node:child_process';
import { root, runIfScript, UserError } from './lib.mjs';
import { setUp } from './setup.mjs';

/** One Ctrl-C arrives here twice, from the terminal and from npm: what follows within this time is the same one. */
const sameSignalMs = 500;

function handOnOnce(child, signal) {
  let handedOnMs = Number.NEGATIVE_INFINITY;
  process.on(signal, () => {
    if (performance.now() - handedOnMs < sameSignalMs) return;
    handedOnMs = performance.now();
    child.kill(signal);
  });
}

async function main() {
  const [program, ...programArguments] = process.argv.slice(2);
  if (program === undefined) throw new UserError('usage: node scripts/run.mjs PROGRAM.ts [ARGUMENT ...]');
  await setUp('start');
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...programArguments], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    // A session of its own: signals reach the program through this process only, so each once.
    detached: true,
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) handOnOnce(child, signal);
  process.on('SIGWINCH', (signal) => child.kill(signal));
  child.on('error', (error) => console.error(error));
  child.on('close', (status, signal) => {
    process.exitCode = signal ? 1 : status;
  });
}

await runIfScript(import.meta.url, main);
