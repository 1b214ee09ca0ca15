import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CliError, exitCodes } from '../errors.ts';
import { untilInterrupted } from '../interrupt.ts';
import { channels, modelOption, whole } from '../options.ts';
import { Argument, Command, Option } from '../packages/commander.ts';
import { findFiles } from './find-files.ts';
import { type Format, formatResults, formats, isScored, titlesOf } from './format.ts';
import { plotCurve } from './plot.ts';
import { usableProcessors } from './processors.ts';
import type { Channel } from './protocol.ts';
import { type FileResult, scoreFiles } from './score-files.ts';

interface ScoreFlags {
  model: string;
  format: Format;
  curve?: boolean;
  out?: string;
  plot?: string;
  recursive?: boolean;
  channel: Channel;
  jobs: number;
}

export function scoreCommand(): Command {
  return new Command('score')
    .description('scores recordings as if they were live calls: a score for each second of talk, and one of the whole')
    .addArgument(new Argument('<paths...>', 'recordings (WAV; by ffmpeg also FLAC, Opus, MP3 ...) and folders of them'))
    .addOption(modelOption())
    .addOption(new Option('-f, --format <format>', 'how results are written').choices(formats).default('table'))
    .option('-c, --curve', 'second by second instead of a line for each file (JSON always has both)')
    .option('-o, --out <file>', 'write results there instead of standard output')
    .option('-p, --plot <folder>', 'draw the curve of each file as SVG into this folder')
    .option('-r, --recursive', 'also look into folders inside of folders')
    .addOption(
      new Option('--channel <number>', 'channel of the recordings, or "all" of them')
        .argParser(channels)
        .default(0, '1'),
    )
    .addOption(
      new Option('-j, --jobs <count>', 'files scored at once')
        .argParser(whole(1, 256))
        .default(usableProcessors(), 'one per processor, within the CPU quota of a container'),
    )
    .addHelpText(
      'after',
      `
The score of the whole is pooled so that bad passages and the end weigh more (see docs/subscribers.md); files with less
than 0.5 s of speech have none. Files that cannot be read are listed and do not end the run.

Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 done but for some files, 130 interrupted.

Examples:
  mediasoup-mos score call.wav
  mediasoup-mos score --recursive --format csv --out scores.csv recordings/
  mediasoup-mos score --channel all stereo-calls/
  mediasoup-mos score --curve --plot plots/ interview.mp3`,
    )
    .action(score);
}

async function score(paths: string[], flags: ScoreFlags): Promise<void> {
  const { model, format, curve = false, out, plot, recursive = false, channel, jobs } = flags;
  const files = findFiles(paths, recursive);
  const signal = untilInterrupted();
  const results = await scoreFiles(files, { model, channel, jobs, signal });
  const text = formatResults(format, results, curve, process.stdout.columns ?? 120);
  if (out === undefined) process.stdout.write(text);
  else writeOut(out, text);
  if (plot !== undefined) drawPlots(plot, results);
  conclude(results, files.length, signal.aborted);
}

function writeOut(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  } catch (cause) {
    throw new CliError(`${path}: ${(cause as Error).message}`, exitCodes.failed, { cause });
  }
}

/** Names of files in a folder of their own: paths with what is no letter, digit, dot or hyphen replaced. */
function drawPlots(folder: string, results: readonly FileResult[]): void {
  const titleOf = titlesOf(results);
  for (const result of results.filter(isScored)) {
    const title = titleOf(result);
    const name = `${title.replace(/^[./]+/, '').replaceAll(/[^\p{L}\p{N}.-]+/gu, '_')}.svg`;
    writeOut(join(folder, name), plotCurve(title, result.score.curve));
  }
}

function conclude(results: readonly FileResult[], wanted: number, interrupted: boolean): void {
  const titleOf = titlesOf(results);
  for (const result of results.filter(isScored)) {
    for (const note of result.score.notes ?? []) console.error(`${titleOf(result)}: ${note}`);
  }
  const faulty = results.filter((result) => !isScored(result));
  if (faulty.length > 0) {
    console.error(`${faulty.length} of ${wanted} files could not be scored:`);
    for (const result of faulty) console.error(`  ${result.file}: ${'fault' in result ? result.fault : ''}`);
  }
  if (interrupted) {
    console.error(`interrupted: ${new Set(results.map(({ file }) => file)).size} of ${wanted} files were looked at`);
    process.exitCode = exitCodes.interrupted;
  } else if (faulty.length > 0) {
    process.exitCode = faulty.length === wanted ? exitCodes.failed : exitCodes.partly;
  }
}
