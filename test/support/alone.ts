import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
const readJson = async (path: string) => JSON.parse(await readFile(path, 'utf8'));

/**
 * An empty project outside of the repository with a packed package, its dependencies (copies of the repository's) and
 * nothing else: no optional peer, and nothing that the package does not name.
 *
 * @returns the project's folder, which the caller removes
 */
export async function installAlone(name: string, tarball: string): Promise<string> {
  const project = await mkdtemp(join(tmpdir(), 'mos-alone-'));
  const installed = join(project, 'node_modules', name);
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
  await writeFile(join(project, 'package.json'), '{ "name": "a-user", "private": true, "type": "module" }');
  const { packages } = await readJson(join(root, 'package-lock.json'));
  const names = Object.keys((await readJson(join(installed, 'package.json'))).dependencies);
  for (const each of names) {
    const folder = `node_modules/${each}`;
    await cp(join(root, folder), join(project, folder), { recursive: true });
    for (const further of Object.keys(packages[folder].dependencies ?? {}))
      if (!names.includes(further)) names.push(further);
  }
  return project;
}
