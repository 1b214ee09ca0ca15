import { join } from 'node:path';
import { glibcVersion, otherLibcAdvice } from '../base/libc.ts';
import { packageRoot, requireFromPackage, runsFromSource } from '../base/package-root.ts';
import type { NativeAddon } from './contract.ts';

/** Where the addon may lie, in the order they are tried, relative to the package: built here, then what the package brings, then what was compiled where it is installed. */
const places = [
  'build/Release/mediasoup_mos.node',
  'build/Debug/mediasoup_mos.node',
  `prebuilds/${process.platform}-${process.arch}/mediasoup-mos.glibc.node`,
  // Compiled at installation, on a platform without a prebuilt one.
  'addon/build/Release/mediasoup_mos.node',
];

/** How to get the addon where none that is brought can be loaded. `glibc`: version of glibc here, if it is that. */
export function buildAdvice(glibc: string | null = glibcVersion()): string {
  if (process.platform === 'linux' && glibc === null) return otherLibcAdvice;
  if (runsFromSource) return 'npm run build:native builds it';
  const folder = join(packageRoot, 'addon');
  return `with g++, make, python3, pkg-config and libopus-dev installed, this builds it: npx node-gyp rebuild --directory=${folder}`;
}

/** The native addon cannot be loaded; the message lists each path tried with what went wrong there, `cause` is the first such error. */
export class NativeLoadError extends Error {
  override readonly name = 'NativeLoadError';
  readonly code = 'ERR_NATIVE_LOAD';
}

/**
 * Loads the native addon.
 *
 * @param paths - absolute paths to try in turn; default: the build folders of this package.
 * @throws {NativeLoadError} none of them can be loaded.
 */
export function loadNative(paths: readonly string[] = places.map((place) => join(packageRoot, place))): NativeAddon {
  const errors: Error[] = [];
  for (const path of paths) {
    try {
      return requireFromPackage(path) as NativeAddon;
    } catch (error) {
      errors.push(error as Error);
    }
  }
  // Node appends the modules that required a missing one: not of interest here.
  const tried = paths.map((path, i) => `  ${path}: ${errors[i]?.message.split('\n')[0]}`);
  throw new NativeLoadError(`the native addon cannot be loaded (${buildAdvice()}); tried\n${tried.join('\n')}`, {
    cause: errors[0],
  });
}
