import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadNative } from '../../src/engine/load.ts';
import { readClip } from '../support/clips.ts';
import { opusOptions } from '../support/speech.ts';

const { encodeOpus, decodeOpus, decodeOpusStreams } = loadNative();
const speech = readClip('speech/woman-1').subarray(0, 48_000);

/** Of b against a, best shift within 20 ms. */
function correlation(a: Float32Array, b: Float32Array): number {
  let best = -1;
  for (let shift = 0; shift <= 320; shift += 1) {
    let ab = 0;
    let aa = 0;
    let bb = 0;
    for (let i = 0; i + shift < b.length && i < a.length; i += 1) {
      const x = a[i] as number;
      const y = b[i + shift] as number;
      ab += x * y;
      aa += x * x;
      bb += y * y;
    }
    best = Math.max(best, ab / Math.sqrt(aa * bb));
  }
  return best;
}

describe('encodeOpus and decodeOpus', () => {
  for (const frameMs of [2.5, 5, 10, 20, 40, 60]) {
    it(`make packets of ${frameMs} ms and speech of them again`, () => {
      const packets = encodeOpus(speech, opusOptions({ frameMs, bitrate: 64_000 }));
      assert.equal(packets.length, Math.floor(speech.length / (16 * frameMs)));
      const decoded = decodeOpus(packets);
      assert.equal(decoded.length, packets.length * 16 * frameMs);
      const likeness = correlation(speech, decoded);
      assert.ok(likeness > 0.9, `correlation ${likeness}`);
    });
  }

  it('take 48 kHz stereo', () => {
    const stereo = new Float32Array(96_000).map((_, i) => 0.3 * Math.sin((2 * Math.PI * 440 * (i >> 1)) / 48_000));
    const packets = encodeOpus(stereo, opusOptions({ sampleRateHz: 48_000, channels: 2, application: 2049 }));
    assert.equal(packets.length, 50);
    assert.equal(decodeOpus(packets).length, 16_000);
  });

  it('limit the bandwidth', () => {
    const toc = (maxBandwidthHz: number) =>
      (encodeOpus(speech, opusOptions({ maxBandwidthHz, bitrate: 24_000 }))[20]?.[0] as number) >> 3;
    assert.ok(toc(4000) <= 3, `${toc(4000)}`); // RFC 6716 §3.1: SILK, narrow band
    assert.ok(toc(8000) >= 8, `${toc(8000)}`);
  });

  it('fall silent with DTX', () => {
    const packets = encodeOpus(new Float32Array(32_000), opusOptions({ dtx: true }));
    const silent = packets.filter(({ length }) => length <= 2).length;
    assert.ok(silent > 50, `${silent} of ${packets.length}`);
  });

  it('refuse wrong options by name', () => {
    const cases: [Record<string, unknown>, string, RegExp][] = [
      [{ sampleRateHz: 44_100 }, 'RangeError', /44100 Hz/],
      [{ channels: 3 }, 'RangeError', /^channels .* 3$/],
      [{ frameMs: 7 }, 'RangeError', /frameMs 7/],
      [{ complexity: 2.5 }, 'RangeError', /^complexity .* 2\.5$/],
      [{ bitrate: '32' }, 'TypeError', /^bitrate must be a number$/],
      [{ fec: 1 }, 'TypeError', /^fec must be a boolean$/],
      [{ maxBandwidthHz: 5000 }, 'RangeError', /^maxBandwidthHz .* 5000$/],
      [{ application: 2050 }, 'RangeError', /application 2050/],
    ];
    for (const [change, name, message] of cases) {
      assert.throws(() => encodeOpus(speech, opusOptions(change)), { name, message });
    }
    assert.throws(() => encodeOpus([] as unknown as Float32Array, opusOptions()), {
      message: 'samples must be a Float32Array',
    });
    assert.throws(() => encodeOpus(speech, undefined as never), { message: 'options must be an object' });
  });

  it('refuse what is no Opus packet', () => {
    const good = encodeOpus(speech, opusOptions()).slice(0, 2);
    assert.throws(() => decodeOpus([...good, new Uint8Array(0)]), {
      name: 'RangeError',
      message: 'packets[2] is empty',
    });
    assert.throws(() => decodeOpus([Uint8Array.of(0xff, 0xff)]), {
      name: 'RangeError',
      message: /^packets\[0\] is no Opus packet/,
    });
    assert.throws(() => decodeOpus([good[0], 'x'] as never), {
      name: 'TypeError',
      message: 'packets[1] must be a Uint8Array',
    });
    assert.throws(() => decodeOpus('x' as never), { name: 'TypeError' });
  });
});

describe('decodeOpusStreams', () => {
  const clip = encodeOpus(speech, opusOptions());

  it('decodes every packet of every stream, in a loop where a clip is short', () => {
    const samplesPerPacket = decodeOpus(clip).length / clip.length;
    assert.equal(decodeOpusStreams([clip, clip.slice(0, 3)], 5, 70), 5 * 70 * samplesPerPacket);
  });

  it('refuses wrong arguments', () => {
    assert.throws(() => decodeOpusStreams([], 1, 1), { name: 'RangeError', message: 'clips is empty' });
    assert.throws(() => decodeOpusStreams([[]], 1, 1), { name: 'RangeError', message: 'clips[0] has no packets' });
    assert.throws(() => decodeOpusStreams([[new Uint8Array(0)]], 1, 1), { message: 'clips[0][0] is empty' });
    assert.throws(() => decodeOpusStreams([[Uint8Array.of(0xff, 0xff)]], 1, 1), { message: /no Opus packet/ });
    assert.throws(() => decodeOpusStreams([clip], 0, 1), { name: 'RangeError', message: /^streams/ });
    assert.throws(() => decodeOpusStreams([clip], 1, 0), { name: 'RangeError', message: /^packetsPerStream/ });
    assert.throws(() => decodeOpusStreams('x' as never, 1, 1), { name: 'TypeError' });
  });
});
