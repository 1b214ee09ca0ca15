import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
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
  /** 16 kHz samples of -1 to 1, in pieces of any length. */
  readonly samples: AsyncIterable<Float32Array>;
}

/**
 * Opens a recording: WAV of 16 kHz by itself, everything else by ffmpeg.
 *
 * @param channel - counted from 0
 * @throws {Error} which says what is wrong with the file or what is to be installed; so may reading the samples
 */
export async function openRecording(path: string, channel: number): Promise<Recording> {
  const wav = await openWav(path);
  if (wav === undefined) return decodeByFfmpeg(path, channel, await probeSeconds(path));
  const { sampleRateHz: rate, channels } = wav.layout;
  if (channel >= channels) {
    await wav.close();
    throw new Error(`has ${channels} channels: there is no channel ${channel + 1}`);
  }
  if (rate === sampleRateHz) return { seconds: wav.seconds, samples: wav.samples(channel) };
  await wav.close();
  return decodeByFfmpeg(path, channel, wav.seconds);
}

/** What the container says of its length; not every one does. */
async function probeSeconds(path: string): Promise<number | undefined> {
  const show = ['-v', 'error', '-show_entries', 'format=duration', '-of', 'default=nk=1:nw=1'];
  try {
    const { stdout } = await run('ffprobe', [...show, '-i', `file:${path}`]);
    const seconds = Number.parseFloat(stdout);
    return Number.isFinite(seconds) ? seconds : undefined;
  } catch {
    return undefined; // only needed to tell the time left: what is wrong with the file, decoding tells
  }
}

function decodeByFfmpeg(path: string, channel: number, seconds: number | undefined): Recording {
  return { seconds, samples: ffmpegSamples(path, channel) };
}

async function* ffmpegSamples(path: string, channel: number): AsyncGenerator<Float32Array> {
  const child = spawn(
    'ffmpeg',
    [
      // `file:`: a path is a path, never a protocol of ffmpeg's.
      ...['-v', 'error', '-xerror', '-nostdin', '-i', `file:${path}`, '-map', '0:a:0'],
      ...['-af', `pan=mono|c0=c${channel},aresample=${sampleRateHz}`, '-f', 'f32le', 'pipe:1'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-1000);
  });
  const closed = once(child, 'close');
  closed.catch(() => {}); // told below, once its output is read
  try {
    let rest = Buffer.alloc(0);
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      const bytes = Buffer.concat([rest, chunk]);
      const samples = new Float32Array(Math.floor(bytes.length / 4));
      new Uint8Array(samples.buffer).set(bytes.subarray(0, 4 * samples.length));
      rest = bytes.subarray(4 * samples.length);
      yield samples;
    }
    const [status, signal] = await closed.catch((error: NodeJS.ErrnoException) => {
      throw new Error(error.code === 'ENOENT' ? ffmpegAdvice : `ffmpeg could not be run: ${error.message}`);
    });
    if (status !== 0) throw new Error(complaints.trim().split('\n')[0] || `ffmpeg ended with ${signal ?? status}`);
  } finally {
    child.kill('SIGKILL');
  }
}
