import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromInt16, toInt16 } from '../audio/wav.ts';
import { readJsonLines, writeAtomically, writeJsonLines } from '../run/files.ts';
import { fromFloat16, toFloat16 } from '../run/float16.ts';
import type { ClipTruth, MadeClip } from './clip-maker.ts';

/** Values of each frame as they are stored. */
export const mels = 64;
const hop = 160;

/**
 * A shard is five files: NUMBER.jsonl (one ClipTruth a line, written last: a shard without it is not finished), and the
 * frames of its clips one after the other as NUMBER.logmel (float16 [frames][64], log10(power + 1e-14), not normalised),
 * NUMBER.peaks (float32 [frames]) and NUMBER.pcm (int16 [frames][160]), and those of their references as NUMBER.reference
 * (int16 [referenceFrames][160]). All little-endian.
 */
export function writeShard(folder: string, number: number, clips: readonly MadeClip[]): void {
  const write = (kind: string, parts: readonly ArrayBufferView[]) =>
    writeAtomically(shardFile(folder, number, kind), Buffer.concat(parts.map(bytesOf)));
  write(
    'logmel',
    clips.map(({ heard }) => toFloat16(heard.logMel)),
  );
  write(
    'peaks',
    clips.map(({ heard }) => heard.peaks),
  );
  write(
    'pcm',
    clips.map(({ heard }) => toInt16(heard.pcm)),
  );
  write(
    'reference',
    clips.flatMap(({ reference }) => (reference ? [toInt16(reference)] : [])),
  );
  writeJsonLines(
    shardFile(folder, number, 'jsonl'),
    clips.map(({ truth }) => truth),
  );
}

export function isShardFinished(folder: string, number: number): boolean {
  return existsSync(shardFile(folder, number, 'jsonl'));
}

export function readTruths(folder: string, number: number): ClipTruth[] {
  return readJsonLines<ClipTruth>(shardFile(folder, number, 'jsonl'));
}

/** The samples of each clip, 16 kHz, -1 to 1. */
export function readPcm(folder: string, number: number): Float32Array[] {
  const all = alignedCopy(readFileSync(shardFile(folder, number, 'pcm')), Int16Array);
  return cut(framesOf(folder, number), (from, to) => fromInt16(all.subarray(from * hop, to * hop)));
}

/** What a full-reference metric compares each clip with; nothing where nothing happened to the clip in time. */
export function readReferences(folder: string, number: number): (Float32Array | undefined)[] {
  const file = shardFile(folder, number, 'reference');
  const truths = readTruths(folder, number);
  if (!existsSync(file)) return truths.map(() => undefined);
  const all = alignedCopy(readFileSync(file), Int16Array);
  const pieces = cut(
    truths.map(({ referenceFrames = 0 }) => referenceFrames),
    (from, to) => fromInt16(all.subarray(from * hop, to * hop)),
  );
  return pieces.map((samples) => (samples.length > 0 ? samples : undefined));
}

/** The stored halves of each clip's frames, and the peak of each frame. */
export function readFrames(folder: string, number: number): { logMel: Uint16Array; peaks: Float32Array }[] {
  const logMel = alignedCopy(readFileSync(shardFile(folder, number, 'logmel')), Uint16Array);
  const peaks = alignedCopy(readFileSync(shardFile(folder, number, 'peaks')), Float32Array);
  return cut(framesOf(folder, number), (from, to) => ({
    logMel: logMel.subarray(from * mels, to * mels),
    peaks: peaks.subarray(from, to),
  }));
}

/** Frames as float32 log10 of power. */
export const frameValues = fromFloat16;

const framesOf = (folder: string, number: number) => readTruths(folder, number).map(({ frames }) => frames);

/** Cuts what lies one after the other into pieces of so many frames. */
function cut<T>(pieces: readonly number[], take: (fromFrame: number, toFrame: number) => T): T[] {
  let from = 0;
  return pieces.map((frames) => {
    const taken = take(from, from + frames);
    from += frames;
    return taken;
  });
}

function shardFile(folder: string, number: number, kind: string): string {
  return join(folder, `${String(number).padStart(5, '0')}.${kind}`);
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function alignedCopy<T>(raw: Uint8Array, type: new (buffer: ArrayBuffer) => T): T {
  return new type(new Uint8Array(raw).buffer);
}
