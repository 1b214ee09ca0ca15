import type { AudioCodec, PayloadTypeOptions } from '../../src/engine/codecs.ts';

export const codecs = ['opus', 'pcmu', 'pcma'] as const satisfies readonly AudioCodec[];
export type Codec = (typeof codecs)[number];

/** Payload types that RED (RFC 2198) has in browsers: Chrome, and older ones. */
export const usualRed: readonly number[] = [63, 121];

/** Comfort noise goes with G.711 (RFC 3389). */
const comfortNoise = { payloadType: 13, mimeType: 'audio/CN', clockRateHz: 8000 };
/** RFC 3551 §6. */
const staticPayloadTypes = { pcmu: 0, pcma: 8 } as const;
const [firstDynamic, lastDynamic] = [96, 127];

export interface SentPayloadTypes {
  readonly codecs: readonly Codec[];
  /** Of the only codec; default any dynamic one for Opus, that of RFC 3551 for G.711. */
  readonly payloadType?: number | undefined;
  /** Payload types of RED. Default 63 and 121. */
  readonly red?: readonly number[] | undefined;
}

/** What senders may send. Telephone events of a dynamic payload type are recognised by their form. */
export function payloadTypesOf({ codecs, payloadType, red = usualRed }: SentPayloadTypes): PayloadTypeOptions[] {
  const types = new Map<number, PayloadTypeOptions>();
  const add = (type: PayloadTypeOptions) => {
    if (!types.has(type.payloadType)) types.set(type.payloadType, type);
  };
  const ofCodec = (codec: Codec, type: number) =>
    codec === 'opus'
      ? { payloadType: type, mimeType: 'audio/opus', clockRateHz: 48_000, channels: 2 }
      : { payloadType: type, mimeType: `audio/${codec.toUpperCase()}`, clockRateHz: 8000 };
  for (const codec of codecs) {
    if (payloadType !== undefined) add(ofCodec(codec, payloadType));
    else if (codec !== 'opus') add(ofCodec(codec, staticPayloadTypes[codec]));
  }
  const clockRateHz = codecs.includes('opus') ? 48_000 : 8000;
  for (const type of red) add({ payloadType: type, mimeType: 'audio/red', clockRateHz });
  add(comfortNoise);
  if (codecs.includes('opus') && payloadType === undefined) {
    for (let type = firstDynamic; type <= lastDynamic; type++) add(ofCodec('opus', type));
  }
  return [...types.values()];
}
