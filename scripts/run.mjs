// Sets up what is missing, then runs a TypeScript program with the arguments that follow it:
//   node scripts/run.mjs examples/conference/src/main.ts [ARGUMENT ...]
import { spawn } from 'node:child_process';
import { root, runIfScript, UserError } from './lib.mjs';
import { setUp } from './setup.mjs';

async function main() {
  const [program, ...programArguments] = process.argv.slice(2);
  if (program === undefined) throw new UserError('usage: node scripts/run.mjs PROGRAM.ts [ARGUMENT ...]');
  await setUp('start');
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...programArguments], {
    cwd: root,
    stdio: 'inherit',
  });
  // On a terminal the program gets Ctrl-C itself; a signal sent to this process alone is handed on.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  child.on('error', (error) => console.error(error));
  child.on('close', (status, signal) => {
    process.exitCode = signal ? 1 : status;
  });
}

await runIfScript(import.meta.url, main);
