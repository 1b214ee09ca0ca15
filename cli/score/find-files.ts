import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CliError, exitCodes } from '../errors.ts';

/** What is taken for a recording inside of folders; files that are named are always taken. */
const recordingName = /\.(wav|wave|flac|mp3|ogg|oga|opus|m4a|mp4|aac|ac3|aiff?|amr|au|caf|gsm|mka|mkv|webm|wma)$/i;

/**
 * The files that were named, and the recordings inside of the folders that were.
 *
 * @throws {CliError} for a path that is not there, and when there is nothing to score
 */
export function findFiles(paths: readonly string[], recursive: boolean): string[] {
  const found = paths.flatMap((path) => {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) throw new CliError(`${path}: no such file or folder`, exitCodes.usage);
    return stats.isDirectory() ? findInFolder(path, recursive) : [path];
  });
  const files = [...new Set(found)];
  if (files.length > 0) return files;
  const hint = recursive ? '' : '; --recursive looks into folders inside of folders';
  throw new CliError(`${paths.join(', ')}: no recordings in there${hint}`, exitCodes.usage);
}

function findInFolder(folder: string, recursive: boolean): string[] {
  return readdirSync(folder, { recursive, withFileTypes: true })
    .filter((entry) => entry.isFile() && recordingName.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}
