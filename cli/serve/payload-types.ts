import type { PayloadTypeOptions } from '../../src/engine/codecs.ts';

export const codecs = ['opus', 'pcmu', 'pcma'] as const;
export type Codec = (typeof codecs)[number];

/** Comfort noise goes with G.711 (RFC 3389). */
const comfortNoise = { payloadType: 13, mimeType: 'audio/CN', clockRateHz: 8000 };
/** RFC 3551 §6. */
const staticPayloadTypes = { pcmu: 0, pcma: 8 } as const;
const [firstDynamic, lastDynamic] = [96, 127];

/** What a sender of a codec may send. `payloadType`: default any dynamic one for Opus, that of RFC 3551 for G.711. */
export function payloadTypesOf(codec: Codec, payloadType: number | undefined): PayloadTypeOptions[] {
  if (codec === 'opus') {
    const count = lastDynamic - firstDynamic + 1;
    const types = payloadType === undefined ? Array.from({ length: count }, (_, n) => firstDynamic + n) : [payloadType];
    return types.map((each) => ({ payloadType: each, mimeType: 'audio/opus', clockRateHz: 48_000, channels: 2 }));
  }
  const own = payloadType ?? staticPayloadTypes[codec];
  return [{ payloadType: own, mimeType: `audio/${codec.toUpperCase()}`, clockRateHz: 8000 }, comfortNoise];
}
