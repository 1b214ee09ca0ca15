import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { packageRoot } from '../base/package-root.ts';

/** A few seconds of speech, as Opus packets of 20 ms: mono, 16 kHz, without loss. */
export interface SpeechRecording {
  readonly name: string;
  readonly packets: readonly Uint8Array[];
}

/** What models are verified with. Its source is stated next to it, in ATTRIBUTION.md. */
const speechFile = join(packageRoot, 'models', 'speech', 'speech.json');

const schema = z.array(z.strictObject({ name: z.string(), packets: z.array(z.base64()) }));

/** The recordings of people who talk that the package brings: one as it is, and one in a noisy kitchen. */
export function readSpeech(): SpeechRecording[] {
  const recordings = schema.parse(JSON.parse(readFileSync(speechFile, 'utf8')));
  return recordings.map(({ name, packets }) => ({
    name,
    packets: packets.map((packet) => new Uint8Array(Buffer.from(packet, 'base64'))),
  }));
}
