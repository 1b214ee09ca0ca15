import { spawn } from 'node:child_process';
import { TrainingError } from '../run/errors.ts';

/** The rate of everything in training: that of the log-mel front end, Hz. */
export const sampleRateHz = 16_000;

/**
 * Runs a program, feeding and reading pipes.
 *
 * @returns standard output
 * @throws {TrainingError} missing-tool when it is not installed, audio when it fails
 */
export function runProgram(command: string, parameters: readonly string[], input?: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, { stdio: ['pipe', 'pipe', 'pipe'] });
    const chunks: Buffer[] = [];
    let complaints = '';
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      complaints = (complaints + chunk.toString()).slice(-2000);
    });
    child.on('error', (cause: NodeJS.ErrnoException) => {
      const missing = cause.code === 'ENOENT';
      const message = missing ? `${command} is not installed` : `${command} could not be run`;
      reject(new TrainingError(missing ? 'missing-tool' : 'audio', message, { cause }));
    });
    child.on('close', (status, signal) => {
      if (status === 0) return resolve(Buffer.concat(chunks));
      const why = signal ? `was ended by ${signal}` : `exited with ${status}`;
      reject(new TrainingError('audio', `${command} ${why}: ${complaints.trim()}`));
    });
    // A program may close its input early: its exit status decides, not the broken pipe.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** Decodes the first channel of any file ffmpeg knows to 16 kHz, -1 to 1, resampled by soxr. Any decoding error is one. */
export async function decodeFile(path: string): Promise<Float32Array> {
  const raw = await runProgram('ffmpeg', [
    ...['-v', 'error', '-xerror', '-nostdin', '-i', path, '-map', '0:a:0'],
    ...['-af', `pan=mono|c0=c0,aresample=${sampleRateHz}:resampler=soxr`, '-f', 'f32le', 'pipe:1'],
  ]);
  return floatsOf(raw);
}

/** The 32-bit floats of a little-endian buffer, copied so that they are aligned. */
export function floatsOf(raw: Uint8Array): Float32Array {
  const floats = new Float32Array(Math.floor(raw.byteLength / 4));
  new Uint8Array(floats.buffer).set(raw.subarray(0, 4 * floats.length));
  return floats;
}
