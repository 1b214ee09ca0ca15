import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { toInt16 } from '../audio/wav.ts';
import { TrainingError } from '../run/errors.ts';

/**
 * A full-reference metric that is a program: a process that reads pairs and writes numbers for as long as it is needed. On its
 * standard input each pair is two 32-bit lengths, then the samples of the reference and of the degraded signal, 16 bits,
 * little-endian; on its standard output one line with a number, or `nan` where the pair has none.
 */
export class PairProgram {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #open: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  #fault: Error | undefined;

  constructor(command: readonly [string, ...string[]], environment: Readonly<Record<string, string>> = {}) {
    const [program, ...parameters] = command;
    this.#process = spawn(program, parameters, { env: { ...process.env, ...environment } });
    let complaints = '';
    this.#process.stderr.on('data', (chunk: Buffer) => {
      complaints = (complaints + chunk.toString()).slice(-2000);
    });
    this.#process.stdin.on('error', () => {});
    this.#process.on('error', (cause) =>
      this.#end(new TrainingError('missing-tool', `${program} could not be run`, { cause })),
    );
    this.#process.on('close', (status, signal) =>
      this.#end(new TrainingError('audio', `${command.join(' ')} ended (${signal ?? status}): ${complaints.trim()}`)),
    );
    createInterface(this.#process.stdout).on('line', (line) => this.#open.shift()?.resolve(line));
  }

  /** The metric of a pair, 16 kHz, -1 to 1; undefined where it has none. */
  async compare(reference: Float32Array, degraded: Float32Array): Promise<number | undefined> {
    const line = await new Promise<string>((resolve, reject) => {
      if (this.#fault) return reject(this.#fault);
      this.#open.push({ resolve, reject });
      const lengths = Buffer.alloc(8);
      lengths.writeUInt32LE(reference.length, 0);
      lengths.writeUInt32LE(degraded.length, 4);
      const bytes = [reference, degraded].map((samples) => Buffer.from(toInt16(samples).buffer));
      this.#process.stdin.write(Buffer.concat([lengths, ...bytes]));
    });
    const value = Number(line);
    if (line.trim() !== 'nan' && !Number.isFinite(value)) {
      throw new TrainingError('audio', `expected a number or nan from ${this.#process.spawnfile}: ${line}`);
    }
    return Number.isFinite(value) ? value : undefined;
  }

  close(): void {
    this.#process.stdin.end();
    this.#process.kill();
  }

  #end(fault: Error): void {
    this.#fault ??= fault;
    for (const { reject } of this.#open.splice(0)) reject(this.#fault);
  }
}
