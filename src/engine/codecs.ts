import type { NativePayloadType } from './contract.ts';
import { codecIds } from './contract.ts';

/** A payload type as RTP parameters state it. */
export interface PayloadTypeOptions {
  /** 0 to 127. */
  payloadType: number;
  /** Such as `audio/opus`; case does not matter. */
  mimeType: string;
  /** RTP clock, 1000 to 192000 Hz. */
  clockRateHz: number;
  /** Default 1. Ignored for Opus: each packet states its channel count (RFC 7587 asks for 2 here). */
  channels?: number;
}

interface CodecRow {
  /** As native/codecs.h has it. */
  readonly id: number;
  readonly mimeType: string;
  /** Undefined = any. */
  readonly clockRateHz?: number;
  /** Undefined = any. */
  readonly channels?: number;
}

interface SpeechCodecRow extends CodecRow {
  /** Wide-band E-model (ITU-T G.107.1): equipment impairment without loss Ie,WB, and packet-loss robustness Bpl. */
  readonly eModel: { readonly ie: number; readonly bpl: number };
}

/**
 * Codecs that carry speech: a codec is one row here and one file in native/.
 *
 * E-model: G.113 has no wide-band values for these codecs; those here are ours.
 * - Opus: no impairment without loss; a Bpl of 4.3 puts random loss of 5, 10 and 20 % at MOS 3.1, 2.5 and 2.0, where PESQ-WB of
 *   what libopus conceals gives 2.9, 2.2 (bursts of 3) and 1.6 (bursts of 3).
 * - G.711: its Ie,WB is the distance between the scales, 129 - 93.2; Bpl is that of G.711 with concealment, G.113 Appendix I.
 */
export const speechCodecs = {
  opus: { id: codecIds.opus, mimeType: 'audio/opus', clockRateHz: 48_000, eModel: { ie: 0, bpl: 4.3 } },
  pcmu: { id: codecIds.pcmu, mimeType: 'audio/pcmu', clockRateHz: 8000, channels: 1, eModel: { ie: 35.8, bpl: 25.1 } },
  pcma: { id: codecIds.pcma, mimeType: 'audio/pcma', clockRateHz: 8000, channels: 1, eModel: { ie: 35.8, bpl: 25.1 } },
} as const satisfies Record<string, SpeechCodecRow>;

/** Codecs that carry speech. */
export type AudioCodec = keyof typeof speechCodecs;

/** What goes along with them. */
const otherCodecs: readonly CodecRow[] = [
  { id: codecIds.comfortNoise, mimeType: 'audio/cn' },
  { id: codecIds.telephoneEvent, mimeType: 'audio/telephone-event' },
  { id: codecIds.red, mimeType: 'audio/red' },
];

/** RFC 3551 §6: comfort noise, whether or not it was negotiated. */
const staticComfortNoise: NativePayloadType = { payloadType: 13, codec: codecIds.comfortNoise, clockRateHz: 8000 };

interface Decoded {
  payloadTypes: NativePayloadType[];
  /** The codec of the first payload type that carries speech; undefined when none can be decoded. */
  codec: AudioCodec | undefined;
}

/** Picks what can be decoded here. The rest is left out: packets of it make the stream `unsupported-codec`. */
export function decodable(payloadTypes: readonly PayloadTypeOptions[]): Decoded {
  const decoded: Decoded = { payloadTypes: [], codec: undefined };
  for (const { payloadType, mimeType, clockRateHz, channels = 1 } of payloadTypes) {
    const matches = (row: CodecRow) =>
      row.mimeType === mimeType.toLowerCase() &&
      (row.clockRateHz ?? clockRateHz) === clockRateHz &&
      (row.channels ?? channels) === channels;
    const names = Object.keys(speechCodecs) as AudioCodec[];
    const name = names.find((each) => matches(speechCodecs[each]));
    const row = name === undefined ? otherCodecs.find(matches) : speechCodecs[name];
    if (row === undefined) continue;
    decoded.payloadTypes.push({ payloadType, codec: row.id, clockRateHz });
    decoded.codec ??= name;
  }
  // Redundant data of codecs that are not decoded here is of no use.
  if (decoded.codec === undefined) {
    decoded.payloadTypes = decoded.payloadTypes.filter(({ codec }) => codec !== codecIds.red);
  } else if (!payloadTypes.some(({ payloadType }) => payloadType === staticComfortNoise.payloadType)) {
    decoded.payloadTypes.push(staticComfortNoise);
  }
  return decoded;
}
