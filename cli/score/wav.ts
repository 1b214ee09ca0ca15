import { type FileHandle, open } from 'node:fs/promises';

/** Where the samples of a WAV file lie, and how. */
export interface WavLayout {
  readonly sampleRateHz: number;
  readonly channels: number;
  readonly encoding: 'int' | 'float';
  /** 1 to 4; 4 or 8 of floats. */
  readonly bytesPerSample: number;
  /** What is odd about its header. */
  readonly notes: readonly string[];
  /** Place and length of the samples, bytes. */
  readonly dataStart: number;
  readonly dataBytes: number;
}

const pcm = 1;
const ieeeFloat = 3;
const extensible = 0xfffe;
/** From this length on a writer did not know it: pipes get 0x7ffff000 (sox), 0x7fffffff or 0xffffffff (ffmpeg). */
const unknownLength = 0x7fff_f000;
/** A length that is too large by no more than this counts the headers, bytes. */
const headerBytes = 128;
const chunkSeconds = 1;
/** Beyond these a header is taken for broken. */
const ratesHz = { min: 1000, max: 768_000 };

/**
 * Reads the chunks before the samples of a RIFF/WAVE file.
 *
 * @returns undefined when it is no WAV file, or none of plain PCM
 * @throws {Error} when it is one that is broken
 */
async function readLayout(file: FileHandle): Promise<WavLayout | undefined> {
  const { size } = await file.stat();
  const at = async (position: number, length: number) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
    return bytesRead === length ? buffer : undefined;
  };
  const riff = await at(0, 12);
  if (riff?.toString('latin1', 0, 4) !== 'RIFF' || riff.toString('latin1', 8, 12) !== 'WAVE') return undefined;
  let format: Omit<WavLayout, 'dataStart' | 'dataBytes' | 'notes'> | undefined;
  const notes: string[] = [];
  for (let position = 12; ; ) {
    const head = await at(position, 8);
    if (head === undefined) throw new Error('is a WAV file without samples');
    const [name, length] = [head.toString('latin1', 0, 4), head.readUInt32LE(4)];
    const start = position + 8;
    if (name === 'fmt ') {
      const body = await at(start, Math.min(length, 26));
      if (body === undefined || body.length < 16) throw new Error('is a WAV file with a broken format chunk');
      const tag = body.readUInt16LE(0);
      const kind = tag === extensible && body.length >= 26 ? body.readUInt16LE(24) : tag;
      const bits = body.readUInt16LE(14);
      const plain = (kind === pcm && [8, 16, 24, 32].includes(bits)) || (kind === ieeeFloat && [32, 64].includes(bits));
      if (!plain) return undefined;
      format = {
        channels: body.readUInt16LE(2),
        sampleRateHz: body.readUInt32LE(4),
        encoding: kind === pcm ? 'int' : 'float',
        bytesPerSample: bits / 8,
      };
      if (format.channels === 0) throw new Error('is a WAV file of 0 channels');
      const { sampleRateHz: rateHz } = format;
      if (rateHz < ratesHz.min || rateHz > ratesHz.max) throw new Error(`states a sample rate of ${rateHz} Hz`);
    } else if (name === 'data') {
      if (format === undefined) throw new Error('is a WAV file without a format chunk');
      const there = size - start;
      const open = length === 0 || length >= unknownLength;
      if (!open && length > there + headerBytes)
        throw new Error(`is cut off: ${there} of ${length} bytes of samples are there`);
      if (open && there > 0) notes.push('its header states no length: read to the end');
      else if (length > there) notes.push(`its header states ${length} bytes of samples, ${there} are there`);
      return { ...format, notes, dataStart: start, dataBytes: open ? there : Math.min(length, there) };
    }
    const padded = start + length + (length % 2);
    const [here, behind] = length % 2 === 1 ? [nameOf(await at(start + length, 4)), nameOf(await at(padded, 4))] : [];
    if (here !== undefined && (behind === undefined || usualChunks.has(here))) {
      notes.push(`its '${name}' chunk of odd length has no pad byte`);
      position = start + length;
    } else position = padded;
  }
}

const usualChunks = new Set(['fmt ', 'data', 'LIST', 'fact', 'bext', 'id3 ', 'cue ', 'PEAK', 'JUNK']);

/** These bytes, if they may be the name of a chunk. */
const nameOf = (bytes: Buffer | undefined): string | undefined =>
  /^[\x20-\x7e]{4}$/.exec(bytes?.toString('latin1') ?? '')?.[0];

/** A sample of -1 to 1 from the bytes at a place. */
function sampleReader({ encoding, bytesPerSample }: WavLayout): (data: Buffer, at: number) => number {
  if (encoding === 'float') return readFloat(bytesPerSample);
  if (bytesPerSample === 1) return (data, at) => (data.readUInt8(at) - 128) / 128;
  const scale = 2 ** (8 * bytesPerSample - 1);
  return (data, at) => data.readIntLE(at, bytesPerSample) / scale;
}

const readFloat = (bytes: number) => (data: Buffer, at: number) =>
  bytes === 8 ? data.readDoubleLE(at) : data.readFloatLE(at);

/** A plain WAV file, open to be read. */
export interface OpenWav {
  readonly layout: WavLayout;
  /** What is odd about it. */
  readonly notes: readonly string[];
  readonly seconds: number;
  /** The samples of one channel, counted from 0, about a second at a time. Closes the file at the end. */
  samples(channel: number): AsyncGenerator<Float32Array>;
  close(): Promise<void>;
}

/** Opens a WAV file of plain PCM or floats; undefined when it is something else. */
export async function openWav(path: string): Promise<OpenWav | undefined> {
  const file = await open(path);
  try {
    const layout = await readLayout(file);
    if (layout === undefined) {
      await file.close();
      return undefined;
    }
    const frameBytes = layout.channels * layout.bytesPerSample;
    const isLarge = layout.encoding === 'float' && (await hasLargeFloats(file, layout));
    return {
      layout,
      notes: isLarge ? [...layout.notes, 'its float samples have the range of 16-bit integers: scaled'] : layout.notes,
      seconds: layout.dataBytes / frameBytes / layout.sampleRateHz,
      samples: (channel) => readSamples(file, layout, channel, isLarge ? 1 / 32_768 : 1),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Beyond this, floats are not of the range -1 to 1, however far it was overdriven. */
const largestFloat = 32;

/** Whether any sample is far beyond full scale. */
async function hasLargeFloats(file: FileHandle, layout: WavLayout): Promise<boolean> {
  const bytes = Buffer.alloc(1 << 16);
  const size = layout.bytesPerSample;
  const read = readFloat(size);
  const end = layout.dataStart + layout.dataBytes;
  for (let position = layout.dataStart; position < end; position += bytes.length) {
    const { bytesRead } = await file.read(bytes, 0, Math.min(bytes.length, end - position), position);
    for (let at = 0; at + size <= bytesRead; at += size) if (Math.abs(read(bytes, at)) > largestFloat) return true;
  }
  return false;
}

async function* readSamples(
  file: FileHandle,
  layout: WavLayout,
  channel: number,
  scale: number,
): AsyncGenerator<Float32Array> {
  const frameBytes = layout.channels * layout.bytesPerSample;
  const read = sampleReader(layout);
  const chunk = Buffer.alloc(chunkSeconds * layout.sampleRateHz * frameBytes);
  const end = layout.dataStart + layout.dataBytes;
  try {
    for (let position = layout.dataStart; position < end; position += chunk.length) {
      const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, end - position), position);
      const frames = Math.floor(bytesRead / frameBytes);
      const offset = channel * layout.bytesPerSample;
      yield Float32Array.from({ length: frames }, (_, frame) => scale * read(chunk, frame * frameBytes + offset));
    }
  } finally {
    await file.close();
  }
}
