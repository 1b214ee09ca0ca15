// Builds the addon that the package brings for this platform: prebuilds/PLATFORM-ARCH/mediasoup-mos.glibc.node
//   node scripts/prebuild.mjs
// Unlike build/Release it needs no library but those that Node itself needs (glibc, libstdc++): libopus is linked in.
// N-API, so one binary for every Node; node-gyp-build finds it by its name.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { headerArguments } from './build-native.mjs';
import { filesBelow, hashOf, root, run, runIfScript, stamp, step, UserError } from './lib.mjs';
import { providePackages, toBuildTheAddon } from './system-packages.mjs';

const require = createRequire(import.meta.url);
const workFolder = join(root, 'build/prebuild');
const opusFolder = join(workFolder, 'opus');
const opusPackage = dirname(require.resolve('@discordjs/opus/package.json'));
const opusSources = join(opusPackage, 'deps/opus');
const addonFolder = join(workFolder, 'addon');
const targetFolder = join(root, `prebuilds/${process.platform}-${process.arch}`);
const target = join(targetFolder, 'mediasoup-mos.glibc.node');
const opusStamp = join(workFolder, 'opus.inputs');
const addonStamp = join(workFolder, 'addon.inputs');

const opusHash = () =>
  hashOf(['scripts/prebuild.mjs'], [process.platform, process.arch, require('@discordjs/opus/package.json').version]);
const addonHash = () =>
  hashOf(
    ['native', 'binding.gyp', 'scripts/build-native.mjs', 'node_modules/node-addon-api/package.json'],
    [opusHash()],
  );

/** libopus from its sources as position-independent archive: what Debian packages cannot be linked into an addon. */
async function buildOpus(onLine) {
  const sources = join(workFolder, 'opus-sources');
  rmSync(sources, { recursive: true, force: true });
  cpSync(opusSources, sources, { recursive: true });
  // Of one age: else make takes generated files for outdated, and asks for the autotools.
  const now = new Date();
  for (const file of filesBelow(sources)) utimesSync(file, now, now);
  const options = ['--enable-static', '--disable-shared', '--with-pic', '--disable-doc', '--disable-extra-programs'];
  await run('sh', ['configure', ...options, `--prefix=${opusFolder}`, 'CFLAGS=-O3'], { cwd: sources, onLine });
  await run('make', [`-j${availableParallelism()}`, 'install'], { cwd: sources, onLine });
}

/** In a folder of its own, so that the build/Release that tests use is left alone. */
async function buildAddon(onLine) {
  rmSync(addonFolder, { recursive: true, force: true });
  mkdirSync(addonFolder, { recursive: true });
  for (const name of ['native', 'binding.gyp']) cpSync(join(root, name), join(addonFolder, name), { recursive: true });
  const env = {
    ...process.env,
    PKG_CONFIG_LIBDIR: join(opusFolder, 'lib/pkgconfig'),
    // Nothing of what is linked in is seen from outside: another addon of the process may bring its own libopus.
    LDFLAGS: '-Wl,--exclude-libs,ALL -Wl,--strip-all',
  };
  const gyp = (...args) =>
    run(process.execPath, [require.resolve('node-gyp/bin/node-gyp.js'), '--loglevel=warn', ...args], {
      cwd: addonFolder,
      env,
      onLine,
    });
  await gyp('configure', ...headerArguments(), '--', '-Dwerror=1');
  await gyp('build', `--jobs=${availableParallelism()}`);
}

/** Builds the addon unless it was built from the sources as they are now. */
export async function prebuild() {
  if (process.platform !== 'linux') throw new UserError(`Linux is needed; this is ${process.platform}.`);
  const hash = addonHash();
  if (existsSync(target) && stamp.matches(addonStamp, hash)) return;
  await providePackages(toBuildTheAddon);
  if (!stamp.matches(opusStamp, opusHash())) {
    await step('libopus: building', buildOpus);
    stamp.write(opusStamp, opusHash());
  }
  await step('prebuilt addon: building', buildAddon);
  rmSync(targetFolder, { recursive: true, force: true });
  mkdirSync(targetFolder, { recursive: true });
  cpSync(join(addonFolder, 'build/Release/mediasoup_mos.node'), target);
  // Its licence asks to go with the binary.
  cpSync(join(opusSources, 'COPYING'), join(targetFolder, 'LICENSE.libopus'));
  const [, opusVersion] = readFileSync(join(opusSources, 'package_version'), 'utf8').match(/"(.+)"/);
  writeFileSync(join(targetFolder, 'README.md'), `Built from native/, with libopus ${opusVersion} linked in.\n`);
  stamp.write(addonStamp, hash);
}

await runIfScript(import.meta.url, prebuild);
