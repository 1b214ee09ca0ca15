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
  /** Default 1. Opus is told by its packets, whatever stands here (RFC 7587 says 2). */
  channels?: number;
}

/** Codecs that carry speech. */
export type AudioCodec = 'opus' | 'pcmu' | 'pcma';

interface Decoded {
  payloadTypes: NativePayloadType[];
  /** The codec of the first payload type that can be decoded; undefined when none can. */
  codec: AudioCodec | undefined;
}

/** Picks what can be decoded here. The rest is left out: packets of it make the stream `unsupported-codec`. */
export function decodable(payloadTypes: readonly PayloadTypeOptions[]): Decoded {
  const decoded: Decoded = { payloadTypes: [], codec: undefined };
  for (const { payloadType, mimeType, clockRateHz, channels = 1 } of payloadTypes) {
    const name = mimeType.toLowerCase();
    const add = (codec: number) => decoded.payloadTypes.push({ payloadType, codec, clockRateHz });
    if (name === 'audio/opus' && clockRateHz === 48000) {
      add(codecIds.opus);
      decoded.codec ??= 'opus';
    } else if ((name === 'audio/pcmu' || name === 'audio/pcma') && clockRateHz === 8000 && channels === 1) {
      const codec = name === 'audio/pcmu' ? 'pcmu' : 'pcma';
      add(codecIds[codec]);
      decoded.codec ??= codec;
    } else if (name === 'audio/cn') {
      add(codecIds.comfortNoise);
    } else if (name === 'audio/telephone-event') {
      add(codecIds.telephoneEvent);
    }
  }
  return decoded;
}
