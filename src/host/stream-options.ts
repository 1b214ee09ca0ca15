import { isIP } from 'node:net';
import { checkBoolean, checkInteger, checkKeys, checkString, maxIdLength } from '../base/options.ts';
import type { PayloadTypeOptions } from '../engine/codecs.ts';

/** A place to send RTP to: one UDP socket of a scorer process. */
export interface ScorerEndpoint {
  readonly id: string;
  readonly address: string;
  readonly port: number;
}

/** Where the RTP packets of a stream come from. Packets from elsewhere are counted and dropped. */
export interface StreamSource {
  /** Where they are sent to, as `reserveEndpoint` gave it. */
  endpoint: ScorerEndpoint;
  /** The sender's IP address and UDP port. */
  address: string;
  port: number;
  /** The sender's SSRC, 0 to 2^32 - 1. */
  ssrc: number;
}

/** Options of `Scorer.addStream`. */
export interface StreamOptions {
  /** Unique in the scorer; chosen by the caller. */
  streamId: string;
  /** RTP over UDP. Without it packets or samples are pushed. */
  source?: StreamSource;
  /** As in the RTP parameters; needed for RTP. Those of codecs that are not decoded here yield `unsupported-codec`. Default none. */
  payloadTypes?: readonly PayloadTypeOptions[];
  /** Header extension id of RFC 6464 audio levels, 1 to 255; 0 = none. Default 0. */
  audioLevelExtensionId?: number;
  /** It begins muted. Default false. */
  paused?: boolean;
}

const keys = ['streamId', 'source', 'payloadTypes', 'audioLevelExtensionId', 'paused'];

/** @throws {TypeError | RangeError} naming the option and the value */
export function checkStreamOptions(options: StreamOptions): void {
  checkKeys('stream options', options, keys);
  const { streamId, source, payloadTypes = [], audioLevelExtensionId = 0, paused = false } = options;
  checkString('streamId', streamId, maxIdLength);
  checkInteger('audioLevelExtensionId', audioLevelExtensionId, 0, 255);
  checkBoolean('paused', paused);
  if (!Array.isArray(payloadTypes)) throw new TypeError(`payloadTypes must be an array, got ${String(payloadTypes)}`);
  const seen = new Set<number>();
  payloadTypes.forEach((entry: PayloadTypeOptions, index) => {
    const name = `payloadTypes[${index}]`;
    checkKeys(name, entry, ['payloadType', 'mimeType', 'clockRateHz', 'channels']);
    checkInteger(`${name}.payloadType`, entry.payloadType, 0, 127);
    checkString(`${name}.mimeType`, entry.mimeType);
    checkInteger(`${name}.clockRateHz`, entry.clockRateHz, 1000, 192_000);
    checkInteger(`${name}.channels`, entry.channels ?? 1, 1, 255);
    if (seen.has(entry.payloadType))
      throw new RangeError(`${name}.payloadType ${entry.payloadType} stands there twice`);
    seen.add(entry.payloadType);
  });
  if (source === undefined) return;
  checkSource(source);
  if (payloadTypes.length === 0)
    throw new TypeError('payloadTypes must name at least one payload type when there is a source');
}

/** @throws {TypeError | RangeError} naming the option and the value */
export function checkSource(source: StreamSource): void {
  checkKeys('source', source, ['endpoint', 'address', 'port', 'ssrc']);
  const { endpoint, address, port, ssrc } = source;
  if (typeof endpoint?.id !== 'string')
    throw new TypeError(`source.endpoint must come from reserveEndpoint, got ${String(endpoint)}`);
  checkString('source.address', address);
  if (isIP(address) === 0) throw new TypeError(`source.address must be an IP address, got '${address}'`);
  checkInteger('source.port', port, 1, 65_535);
  checkInteger('source.ssrc', ssrc, 0, 0xffff_ffff);
}
