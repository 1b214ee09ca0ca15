import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodable } from '../../src/engine/codecs.ts';
import { codecIds } from '../../src/engine/contract.ts';

describe('payload types', () => {
  it('of Opus, G.711, comfort noise and telephone events are decoded, whatever their case', () => {
    const { payloadTypes, codec } = decodable([
      { payloadType: 100, mimeType: 'audio/OPUS', clockRateHz: 48000, channels: 2 },
      { payloadType: 0, mimeType: 'audio/PCMU', clockRateHz: 8000 },
      { payloadType: 8, mimeType: 'audio/pcma', clockRateHz: 8000 },
      { payloadType: 13, mimeType: 'audio/CN', clockRateHz: 8000 },
      { payloadType: 110, mimeType: 'audio/telephone-event', clockRateHz: 48000 },
    ]);
    assert.deepEqual(
      payloadTypes.map((each) => each.codec),
      [codecIds.opus, codecIds.pcmu, codecIds.pcma, codecIds.comfortNoise, codecIds.telephoneEvent],
    );
    assert.equal(codec, 'opus');
  });

  it('of anything else are left out', () => {
    const { payloadTypes, codec } = decodable([
      { payloadType: 63, mimeType: 'audio/red', clockRateHz: 48000, channels: 2 },
      { payloadType: 96, mimeType: 'audio/multiopus', clockRateHz: 48000, channels: 6 },
      { payloadType: 97, mimeType: 'audio/opus', clockRateHz: 16000 },
      { payloadType: 98, mimeType: 'audio/PCMU', clockRateHz: 16000 },
      { payloadType: 99, mimeType: 'audio/PCMU', clockRateHz: 8000, channels: 2 },
      { payloadType: 9, mimeType: 'audio/G722', clockRateHz: 8000 },
    ]);
    assert.deepEqual(payloadTypes, []);
    assert.equal(codec, undefined);
  });

  it('without speech do not make a codec', () => {
    assert.equal(decodable([{ payloadType: 13, mimeType: 'audio/CN', clockRateHz: 8000 }]).codec, undefined);
  });
});
