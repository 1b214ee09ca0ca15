// Writes models/speech/speech.json from the recordings of the tests:
//   node --import tsx scripts/verification-speech.ts
import { writeFileSync } from 'node:fs';
import { readClip } from '../test/support/clips.ts';
import { encode } from '../test/support/speech.ts';

/** Just more than the longest window, so that a model that needs all of it has a score too. */
const samples = 8.1 * 16_000;

const woman = readClip('speech/woman-3').subarray(0, samples);
const kitchen = readClip('noise/kitchen');
const inKitchen = woman.map((sample, index) => 0.8 * sample + 0.5 * (kitchen[index % kitchen.length] as number));

const recordings = Object.entries({ speech: woman, 'speech in a kitchen': inKitchen }).map(([name, sound]) => ({
  name,
  packets: encode(sound, { bitrate: 24_000, complexity: 10 }).map((packet) => Buffer.from(packet).toString('base64')),
}));
writeFileSync(new URL('../models/speech/speech.json', import.meta.url), `${JSON.stringify(recordings, null, 1)}\n`);
