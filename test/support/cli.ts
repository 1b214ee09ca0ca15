import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

/** A `mediasoup-mos` command as a user starts it. */
export interface RunningCli {
  readonly child: ChildProcess;
  /** What it said so far. */
  readonly output: { stdout: string; stderr: string };
  /** Resolves when it ended. */
  readonly ended: Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>;
  /** Resolves with the match once its output (either) has one; rejects when it ends before. */
  says(pattern: RegExp): Promise<RegExpMatchArray>;
}

/** @param standardOutput - what its standard output is; default: kept in `output` */
export function startCli(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  standardOutput: 'pipe' | number = 'pipe',
): RunningCli {
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', standardOutput, 'pipe'],
  }) as ChildProcess & { stderr: Readable };
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const ended: RunningCli['ended'] = new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => resolve({ code, signal, ...output }));
  });
  const says = (pattern: RegExp) =>
    new Promise<RegExpMatchArray>((resolve, reject) => {
      const look = () => {
        const match = `${output.stdout}\n${output.stderr}`.match(pattern);
        if (match !== null) resolve(match);
      };
      child.stdout?.on('data', look);
      child.stderr.on('data', look);
      look();
      ended.then(({ stderr }) => reject(new Error(`ended without ${pattern}: ${stderr}`)));
    });
  return { child, output, ended, says };
}

/** Runs a command to its end. */
export const runCli = (args: readonly string[], env?: NodeJS.ProcessEnv) => startCli(args, env).ended;
