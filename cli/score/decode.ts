import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { openWav } from './wav.ts';

const run = promisify(execFile);

/** The rate of everything that is scored, Hz. */
export const sampleRateHz = 16_000;

export const ffmpegAdvice =
  'ffmpeg is not installed: it decodes everything but WAV of 16 kHz (Debian, Ubuntu: apt-get install ffmpeg; ' +
  'Fedora: dnf install ffmpeg-free; Alpine: apk add ffmpeg)';

/** A recording being read. */
export interface Recording {
  /** Length as far as it is known before it is read, s. */
  readonly seconds: number | undefined;
  /** What is odd about it; complete once the samples are read. */
  readonly notes: string[];
  /** 16 kHz samples of -1 to 1, in pieces of any length. */
  readonly samples: AsyncIterable<Float32Array>;
}

/**
 * Opens a recording: WAV of 16 kHz by itself, everything else by ffmpeg.
 *
 * @param channel - counted from 0
 * @param others - whether the other channels are scored too: else a note says that they are left out
 * @throws {Error} that names what is wrong with the file or what is to be installed; so may reading the samples
 */
export async function openRecording(path: string, channel: number, { others = false } = {}): Promise<Recording> {
  const wav = await openWav(path);
  if (wav === undefined) {
    const { seconds, channels } = await probe(path);
    checkChannel(channel, channels);
    return decodeByFfmpeg(path, channel, seconds, others ? [] : notesOf(channel, channels));
  }
  const { sampleRateHz: rateHz, channels } = wav.layout;
  if (channel >= channels) await wav.close();
  checkChannel(channel, channels);
  const notes = [...wav.notes, ...(others ? [] : notesOf(channel, channels))];
  const samples = wav.samples(channel);
  return {
    seconds: wav.seconds,
    notes,
    samples: rateHz === sampleRateHz ? samples : resample(samples, rateHz, notes),
  };
}

/**
 * How many channels a recording has; 1 where it is not stated.
 *
 * @throws {Error} as `openRecording`
 */
export async function channelsOf(path: string): Promise<number> {
  const wav = await openWav(path);
  await wav?.close();
  return wav?.layout.channels ?? (await probe(path)).channels ?? 1;
}

/** @throws {Error} when there is no such channel */
function checkChannel(channel: number, channels: number | undefined): void {
  if (channels === undefined || channel < channels) return;
  throw new Error(`has ${channels} channel${channels === 1 ? '' : 's'}: there is no channel ${channel + 1}`);
}

const notesOf = (channel: number, channels = 1): string[] =>
  channels > 1 ? [`only channel ${channel + 1} of ${channels} was scored`] : [];

/** Length and channels as the container states them; not every one does. */
async function probe(path: string): Promise<{ seconds: number | undefined; channels: number | undefined }> {
  const show = [
    '-v',
    'error',
    '-select_streams',
    'a:0',
    '-show_entries',
    'stream=channels:format=duration',
    '-of',
    'json',
  ];
  try {
    const { stdout } = await run('ffprobe', [...show, '-i', `file:${path}`]);
    const { streams = [], format = {} } = JSON.parse(stdout);
    const seconds = Number.parseFloat(format.duration);
    return { seconds: Number.isFinite(seconds) ? seconds : undefined, channels: streams[0]?.channels };
  } catch {
    return { seconds: undefined, channels: undefined }; // what is wrong with the file, decoding reports
  }
}

function decodeByFfmpeg(path: string, channel: number, seconds: number | undefined, notes: string[]): Recording {
  // `file:`: a path is a path, never a protocol of ffmpeg's.
  const input = ['-i', `file:${path}`, '-map', '0:a:0', '-af', `pan=mono|c0=c${channel},aresample=${sampleRateHz}`];
  return { seconds, notes, samples: ffmpegSamples(input, notes) };
}

/** The same sound at the rate of everything that is scored: oddities of a WAV file are settled before. */
function resample(
  samples: AsyncGenerator<Float32Array>,
  rateHz: number,
  notes: string[],
): AsyncGenerator<Float32Array> {
  const input = ['-f', 'f32le', '-ar', String(rateHz), '-ac', '1', '-i', 'pipe:0', '-af', `aresample=${sampleRateHz}`];
  return ffmpegSamples(input, notes, samples);
}

/** Goes on after what cannot be decoded, and adds a note of it. */
async function* ffmpegSamples(
  input: readonly string[],
  notes: string[],
  samplesIn?: AsyncGenerator<Float32Array>,
): AsyncGenerator<Float32Array> {
  const child = spawn('ffmpeg', ['-v', 'error', '-nostdin', ...input, '-f', 'f32le', 'pipe:1'], {
    stdio: [samplesIn === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  let failed: Error | undefined;
  if (child.stdin !== null && samplesIn !== undefined) {
    pipeline(Readable.from(bytesOf(samplesIn)), child.stdin).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') failed = error; // that ffmpeg ended is seen below
    });
  }
  let any = false;
  let complaints = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-1000);
  });
  const closed = once(child, 'close');
  closed.catch(() => {}); // reported below, once its output is read
  try {
    let rest = Buffer.alloc(0);
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      const bytes = Buffer.concat([rest, chunk]);
      const samples = new Float32Array(Math.floor(bytes.length / 4));
      new Uint8Array(samples.buffer).set(bytes.subarray(0, 4 * samples.length));
      rest = bytes.subarray(4 * samples.length);
      any ||= samples.length > 0;
      yield samples;
    }
    const [status, signal] = await closed.catch((error: NodeJS.ErrnoException) => {
      throw new Error(error.code === 'ENOENT' ? ffmpegAdvice : `ffmpeg could not be run: ${error.message}`);
    });
    const [first = ''] = complaints.trim().split('\n');
    const complaint = first.replace(/^\[[^\]]*\] /, '');
    const detail = complaint === '' ? '' : ` (ffmpeg: ${complaint})`;
    if (failed !== undefined) throw failed;
    if (!any)
      throw new Error(`holds no sound that ffmpeg can decode${detail || ` (it ended with ${signal ?? status})`}`);
    if (status !== 0 || detail !== '') notes.push(`parts of it could not be decoded and were left out${detail}`);
  } finally {
    child.kill('SIGKILL');
  }
}

async function* bytesOf(pieces: AsyncIterable<Float32Array>): AsyncGenerator<Uint8Array> {
  for await (const { buffer, byteOffset, byteLength } of pieces) yield new Uint8Array(buffer, byteOffset, byteLength);
}
