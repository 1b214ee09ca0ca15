import type { types } from 'mediasoup';
import type { PayloadTypeOptions } from '../../src/engine/codecs.ts';

/** Codecs of mediasoup as the engine takes them. */
export const payloadTypesOf = (codecs: readonly types.RtpCodecParameters[]): PayloadTypeOptions[] =>
  codecs.map(({ payloadType, mimeType, clockRate, channels }) => ({
    payloadType,
    mimeType,
    clockRateHz: clockRate,
    ...(channels === undefined ? {} : { channels }),
  }));
