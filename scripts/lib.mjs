// What the set-up and test scripts share. Node built-ins only: these run before anything is installed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** An expected failure: its message says all that the person at the terminal needs. */
export class UserError extends Error {}

/** Runs `main` when this module is the script that node was started with; an error ends the process with status 1. */
export async function runIfScript(moduleUrl, main) {
  if (fileURLToPath(moduleUrl) !== realpathSync(process.argv[1])) return;
  try {
    await main();
  } catch (error) {
    console.error(error instanceof UserError ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}

/**
 * Runs a command to its end and resolves with its standard output when that is captured.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean, timeoutMs?: number }} [options]
 *   quiet: keep the output and show its end only on failure (default false: pass it through).
 * @throws {UserError} when it cannot be started, fails or outlives timeoutMs (default: no limit)
 */
export function run(command, args, { cwd = root, env = process.env, quiet = false, timeoutMs } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
      ...(timeoutMs === undefined ? {} : { timeout: timeoutMs, killSignal: 'SIGKILL' }),
    });
    let output = '';
    child.stdout?.on('data', (data) => {
      output += data;
    });
    child.stderr?.on('data', (data) => {
      output += data;
    });
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (status === 0) return resolve(output);
      const why = signal ? `was ended by ${signal}` : `exited with ${status}`;
      const tail = output ? `\n${output.trimEnd().split('\n').slice(-40).join('\n')}` : '';
      reject(new UserError(`${[command, ...args].join(' ')} ${why}${tail}`));
    });
  });
}

/** The files below a folder (or the file itself) as sorted paths; folders that do not exist have none. */
export function filesBelow(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** A hash over the names and contents of files and folders (relative to the root) and any further words. */
export function hashOf(paths, words = []) {
  const hash = createHash('sha256');
  for (const word of words) hash.update(`${word}\0`);
  for (const path of paths) {
    for (const file of filesBelow(join(root, path))) {
      hash
        .update(`${file.slice(root.length)}\0`)
        .update(readFileSync(file))
        .update('\0');
    }
  }
  return hash.digest('hex').slice(0, 32);
}

/** Remembers that a step was done for these inputs: a file whose content is their hash. */
export const stamp = {
  matches: (file, hash) => existsSync(file) && readFileSync(file, 'utf8') === hash,
  write(file, hash) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, hash);
  },
};
