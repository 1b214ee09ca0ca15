import type { StreamEvent } from '../../src/events.ts';
import { openSession } from '../../src/offline.ts';

const sampleRateHz = 16_000;
const tickSamples = sampleRateHz / 10;
const seconds = 10;
/** Scores of the same sound may differ by this much between runs in other company: sums are made in another order. */
export const tolerance = 0.005;

/** A made-up voice: syllables four times a second of a gliding tone with the overtones of a vowel. -1 to 1, no randomness. */
export function madeUpVoice(): Float32Array {
  let phase = 0;
  return Float32Array.from({ length: seconds * sampleRateHz }, (_, index) => {
    const time = index / sampleRateHz;
    phase += (2 * Math.PI * (120 + 25 * Math.sin(1.7 * time))) / sampleRateHz;
    const syllable = Math.max(0, Math.sin(2 * Math.PI * 4 * time)) * (time % 3 < 2.6 ? 1 : 0);
    let sample = 0;
    for (let overtone = 1; overtone <= 24; overtone++) {
      const hz = 130 * overtone;
      const formants = [600, 1200, 2600].map((formant) => Math.exp(-(((hz - formant) / 180) ** 2)));
      sample += (0.02 + Math.max(...formants)) * Math.sin(overtone * phase);
    }
    return 0.12 * syllable * sample;
  });
}

/** What a session says of the same sound on so many streams. */
async function hear(model: string, streams: number): Promise<StreamEvent[][]> {
  const session = await openSession({ model, maxStreams: streams });
  const ids = Array.from({ length: streams }, (_, index) => String(index));
  const events = new Map<string, StreamEvent[]>(ids.map((id) => [id, []]));
  const voice = madeUpVoice();
  let nowMs = Date.UTC(2000, 0, 1);
  try {
    for (const streamId of ids) session.addStream({ streamId }, nowMs);
    for (let at = 0; at < voice.length; at += tickSamples) {
      for (const id of ids) session.pushPcm(id, voice.subarray(at, at + tickSamples), nowMs);
      nowMs += 100;
      for (const event of await session.tick(nowMs)) events.get(event.streamId)?.push(event);
    }
  } finally {
    session.close();
  }
  return [...events.values()];
}

const describe = (event: StreamEvent | undefined) =>
  event === undefined ? 'nothing' : event.type === 'score' ? event.mosLqo.toFixed(4) : event.reason;

const same = (one: StreamEvent | undefined, other: StreamEvent | undefined) =>
  one?.type === 'score' && other?.type === 'score'
    ? Math.abs(one.mosLqo - other.mosLqo) <= tolerance
    : describe(one) === describe(other);

/**
 * Hears a made-up voice alone and beside others: a model must say the same.
 *
 * @returns what it said, in words
 * @throws {Error} when it did not
 */
export async function checkSelfConsistency(model: string): Promise<string> {
  const [alone = []] = await hear(model, 1);
  const together = await hear(model, 3);
  for (const events of together) {
    const differing = Array.from({ length: Math.max(alone.length, events.length) }, (_, index) => index).find(
      (index) => !same(alone[index], events[index]),
    );
    if (differing === undefined) continue;
    const [one, other] = [describe(alone[differing]), describe(events[differing])];
    throw new Error(`event ${differing} of the same sound is ${one} alone and ${other} beside other streams`);
  }
  const scores = alone.filter((event) => event.type === 'score').length;
  const heard = scores > 0 ? `${scores} scores of a made-up voice` : 'a made-up voice is no speech to it';
  return `${heard}, the same alone and beside others`;
}
