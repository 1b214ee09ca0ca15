import { openSession } from '../../../src/host/open-session.ts';

/** How often a session looks at its streams, ms. */
const tickMs = 100;
const samplesPerTick = 16 * tickMs;

/**
 * Share of the time of a call that is made of these clips, one after the other, in which the newest that is said of it is a
 * score and not a reason for none. The live path decides, from its talk gate to the speech that a window must hold.
 *
 * @param model path of a manifest (.json)
 * @param clips what gives samples: 16 kHz, -1 to 1
 * @returns 0 to 1; NaN when the clips are shorter than 100 ms
 */
export async function scoredShare(
  model: string,
  clips: readonly { waveform(): Promise<Float32Array> }[],
): Promise<number> {
  const session = await openSession({ model });
  session.addStream({ streamId: 'call' }, 0);
  let isScored = false;
  let [ticks, scoredTicks, nowMs] = [0, 0, 0];
  for (const clip of clips) {
    const samples = await clip.waveform();
    for (let at = 0; at + samplesPerTick <= samples.length; at += samplesPerTick) {
      session.pushPcm('call', samples.subarray(at, at + samplesPerTick), nowMs);
      nowMs += tickMs;
      const events = await session.tick(nowMs);
      isScored = (events.at(-1)?.type ?? (isScored ? 'score' : 'noscore')) === 'score';
      ticks++;
      scoredTicks += Number(isScored);
    }
  }
  session.close();
  return scoredTicks / ticks;
}
