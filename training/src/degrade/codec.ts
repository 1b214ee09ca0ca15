import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeFile, runProgram } from '../audio/ffmpeg.ts';
import { encodeWav } from '../audio/wav.ts';
import { TrainingError } from '../run/errors.ts';
import type { Random } from '../run/random.ts';
import { type Codec, draw } from './recipe.ts';

/** Draws a codec's parameters in the order of their names. */
export function drawParameters(codec: Codec, random: Random): Record<string, number> {
  const names = Object.keys(codec.parameters).sort();
  return Object.fromEntries(names.map((name) => [name, draw(codec.parameters[name] ?? 0, random)]));
}

/**
 * The command of a codec with its places filled in. Whole numbers stay whole: bitrates are rounded by the recipe's
 * author with `choose`, or here to the next whole number when they are 100 or more.
 */
export function fillTemplate(command: string, values: Readonly<Record<string, string | number>>): string {
  return command.replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = values[name];
    if (value === undefined)
      throw new TrainingError('invalid-input', `codec command has an unknown place ${place}: ${command}`);
    if (typeof value === 'string') return value;
    return String(Math.abs(value) >= 100 ? Math.round(value) : value);
  });
}

/** Sends samples through a codec; the result has the same length (the end is cut or filled with silence). */
export async function throughCodec(
  samples: Float32Array,
  codec: Codec,
  parameters: Readonly<Record<string, number>>,
): Promise<Float32Array> {
  const work = await mkdtemp(join(tmpdir(), 'mos-train-codec-'));
  try {
    const [input, output] = [join(work, 'input.wav'), join(work, 'output.wav')];
    await writeFile(input, encodeWav(samples));
    await runProgram('sh', ['-ec', fillTemplate(codec.command, { ...parameters, input, output, work })]);
    if ((await readFile(output).catch(() => undefined)) === undefined) {
      throw new TrainingError('audio', `codec command wrote no {output}: ${codec.command}`);
    }
    const decoded = await decodeFile(output);
    const same = new Float32Array(samples.length);
    same.set(decoded.subarray(0, samples.length));
    return same;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
