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
  const script = process.argv[1];
  if (script === undefined || fileURLToPath(moduleUrl) !== realpathSync(script)) return;
  try {
    await main();
  } catch (error) {
    console.error(error instanceof UserError ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}

/**
 * Runs a command to its end.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {object} [options]
 * @param {string} [options.cwd] default: the repository's root
 * @param {NodeJS.ProcessEnv} [options.env] default: this process's
 * @param {(line: string) => void} [options.onLine] is given the output line by line instead of the terminal; when the
 *   command fails, the error's message has the first 20 and the last 40 lines
 * @param {number} [options.timeoutMs] the command is killed after this time; default: no limit
 * @throws {UserError} when the command cannot be started (the system's error is its cause), fails or takes too long
 */
export function run(command, args, { cwd = root, env = process.env, onLine, timeoutMs } = {}) {
  return new Promise((resolve, reject) => {
    const output = onLine ? 'pipe' : 'inherit';
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', output, output],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    const lines = [];
    let unfinished = '';
    const collect = (data) => {
      const parts = (unfinished + data).split(/\r?\n|\r/);
      unfinished = parts.pop();
      lines.push(...parts);
      for (const line of parts) onLine(line);
    };
    child.stdout?.setEncoding('utf8').on('data', collect);
    child.stderr?.setEncoding('utf8').on('data', collect);
    const fail = (why, cause) => {
      const shown = lines.length > 60 ? [...lines.slice(0, 20), '[...]', ...lines.slice(-40)] : lines;
      const text = [`${[command, ...args].join(' ')} ${why}`, ...shown, unfinished].join('\n').trimEnd();
      reject(new UserError(text, { cause }));
    };
    const handOn = (signal) => child.kill(signal);
    process.on('SIGTERM', handOn);
    child.on('error', (error) => fail(`could not be started: ${error.message}`, error));
    child.on('close', (status, signal) => {
      process.off('SIGTERM', handOn);
      if (status === 0) resolve();
      else fail(signal ? `was ended by ${signal}` : `exited with ${status}`);
    });
  });
}

/** An option of `run`: the output is shown only when the command fails. */
export const quietly = { onLine: () => {} };

const secondsSince = (startMs) => `${((performance.now() - startMs) / 1000).toFixed(1)} s`;

/**
 * Does a step that may take long and shows that it goes on: the title, time passed and what the step last said; in place
 * on a terminal, else a line every 15 s.
 *
 * @template T
 * @param {string} title
 * @param {(say: (what: string) => void) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(title, work) {
  const startMs = performance.now();
  const terminal = process.stdout.isTTY;
  let said = '';
  const show = () => {
    const line = `${title} ... ${secondsSince(startMs)}${said && `  ${said}`}`;
    if (terminal) process.stdout.write(`\r\x1b[2K${line.slice(0, (process.stdout.columns ?? 80) - 1)}`);
    else console.log(line);
  };
  if (terminal) show();
  else console.log(`${title} ...`);
  const timer = setInterval(show, terminal ? 500 : 15_000);
  try {
    const result = await work((what) => {
      said = what.trim();
    });
    if (terminal) process.stdout.write('\r\x1b[2K');
    console.log(`${title}: done in ${secondsSince(startMs)}`);
    return result;
  } catch (error) {
    if (terminal) process.stdout.write('\n');
    throw error;
  } finally {
    clearInterval(timer);
  }
}

/** The files below a folder (or the file itself) as sorted paths; a path that does not exist has none. */
export function filesBelow(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true })
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile())
    .sort();
}

/** A hash over the names and contents of files and folders (relative to the root) and over any further words. */
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
  return hash.digest('hex').slice(0, 16);
}

/** Remembers that a step was done for these inputs: a file whose content is their hash. */
export const stamp = {
  matches: (file, hash) => existsSync(file) && readFileSync(file, 'utf8') === hash,
  write(file, hash) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, hash);
  },
};
