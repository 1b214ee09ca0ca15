import type { NativeAddon } from '../engine/contract.ts';
import type { StreamEvent } from '../events.ts';
import { resolveScorerOptions } from '../host/scorer-options.ts';
import type { Model } from '../model/model.ts';
import { engineOptionsFor } from '../scoring/engine-options.ts';
import { ScoringSession } from '../scoring/session.ts';
import type { SpeechRecording } from './speech.ts';

const payloadType = 100;
const payloadTypes = [{ payloadType, mimeType: 'audio/opus', clockRateHz: 48_000 }];
const packetMs = 20;
const ticksPerPacket = 960;

/** When recordings are taken to begin, Unix ms. */
export const startMs = Date.UTC(2000, 0, 1);

/** Events of a session for recordings that arrive as RTP at the same time, as in a call: those of each. */
export async function scoreLive(
  model: Model,
  addon: NativeAddon,
  recordings: readonly SpeechRecording[],
): Promise<StreamEvent[][]> {
  const { address, reorderMs, concealMs, gapMs, forgetMs } = resolveScorerOptions({});
  const hearing = { address, reorderMs, concealMs, gapMs, forgetMs, maxStreams: recordings.length };
  const offline = { sockets: 0, ports: [], receiveBufferBytes: 0 };
  const engine = new addon.Engine(engineOptionsFor(model, { ...hearing, ...offline }));
  const session = new ScoringSession({ engine, model, forgetMs });
  const events = recordings.map((): StreamEvent[] => []);
  try {
    for (const index of recordings.keys()) session.addStream({ streamId: String(index), payloadTypes }, startMs);
    const packets = Math.max(...recordings.map((recording) => recording.packets.length));
    for (let number = 0; number < packets; number++) {
      const nowMs = startMs + number * packetMs;
      recordings.forEach((recording, index) => {
        const payload = recording.packets[number];
        if (payload !== undefined) session.pushRtp(String(index), rtp(payload, number, index), nowMs);
      });
      for (const event of await session.tick(nowMs + packetMs)) events[Number(event.streamId)]?.push(event);
    }
  } finally {
    session.close();
  }
  return events;
}

/** RFC 3550 §5.1, without extensions. */
function rtp(payload: Uint8Array, number: number, ssrc: number): Uint8Array {
  const packet = Buffer.alloc(12 + payload.length);
  packet[0] = 0x80; // version 2
  packet[1] = payloadType;
  packet.writeUInt16BE(number, 2);
  packet.writeUInt32BE(number * ticksPerPacket, 4);
  packet.writeUInt32BE(ssrc, 8);
  packet.set(payload, 12);
  return packet;
}
