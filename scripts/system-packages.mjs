// The Debian packages that building and testing need: which are missing, and how to get them.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run, step, UserError } from './lib.mjs';

function hasCommand(name) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      const file = join(folder, name);
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch {
      return false;
    }
  });
}

const clangArch = { x64: 'x86_64', arm64: 'aarch64' }[process.arch];

const hasLibrary = (name) => spawnSync('pkg-config', ['--exists', name]).status === 0;

/** A group of needs: package name -> is what it gives already here (from whatever source)? */
export const toBuildTheAddon = {
  'g++': () => hasCommand('g++'),
  make: () => hasCommand('make'),
  python3: () => hasCommand('python3'),
  'pkg-config': () => hasCommand('pkg-config'),
  'libopus-dev': () => hasLibrary('opus'),
};

export const toBuildTheWorker = {
  'g++': () => hasCommand('g++'),
  'pkg-config': () => hasCommand('pkg-config'),
  'ninja-build': () => hasCommand('ninja'),
  'libssl-dev': () => hasLibrary('openssl'),
  'libuv1-dev': () => hasLibrary('libuv'),
  'libsrtp2-dev': () => hasLibrary('libsrtp2'),
  'libusrsctp-dev': () => hasLibrary('usrsctp'),
  'libabsl-dev': () => hasLibrary('absl_flat_hash_map'),
  'libflatbuffers-dev': () => existsSync('/usr/include/flatbuffers/flatbuffers.h'),
  'flatbuffers-compiler': () => hasCommand('flatc'),
};

export const toTest = {
  ...toBuildTheAddon,
  'libkissfft-dev': () => hasLibrary('kissfft-float'),
  'doctest-dev': () => existsSync('/usr/include/doctest/doctest.h'),
  'clang-14': () => hasCommand('clang++-14'),
  'libclang-rt-14-dev': () => existsSync(`/usr/lib/clang/14/lib/linux/libclang_rt.fuzzer-${clangArch}.a`),
  chromium: () => hasCommand('chromium'),
  'redis-server': () => hasCommand('redis-server'),
  ffmpeg: () => hasCommand('ffmpeg'),
  strace: () => hasCommand('strace'),
};

export const toTrain = {
  ...toBuildTheAddon,
  'python3-pip': () => spawnSync('python3', ['-m', 'pip', '--version']).status === 0,
  ffmpeg: () => hasCommand('ffmpeg'),
};

/** The names in `needs` whose probe fails. */
export const missingPackages = (needs) => Object.keys(needs).filter((name) => !needs[name]());

/**
 * Installs what is missing of `needs` by apt where this user may.
 *
 * @param {Record<string, () => boolean>} needs
 * @throws {UserError} when the user is not root (its message has the command to run) or the installation fails
 */
export async function providePackages(needs) {
  const missing = missingPackages(needs);
  if (missing.length === 0) return;
  const install = ['install', '-y', '--no-install-recommends', ...missing];
  if (process.getuid?.() !== 0 || !hasCommand('apt-get')) {
    throw new UserError(
      `System packages are missing: ${missing.join(' ')}\nInstall them (names of Debian 12), then run this again:\n\n` +
        `  sudo apt-get update && sudo apt-get ${install.join(' ')}\n`,
    );
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await step(`system packages: installing ${missing.join(' ')}`, async (say) => {
    await run('apt-get', ['update'], { env, onLine: say });
    await run('apt-get', install, { env, onLine: say });
  });
  const still = missingPackages(needs);
  if (still.length > 0) throw new UserError(`apt-get installed ${still.join(' ')}, but what they bring is not found.`);
}
