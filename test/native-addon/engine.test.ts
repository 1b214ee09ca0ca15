import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  codecIds,
  type NativeEngine,
  type NativeEngineOptions,
  type PollField,
  pollFields,
  ringKinds,
  stepFields,
  takenFields,
  windowFields,
} from '../../src/engine/contract.ts';
import { loadNative } from '../../src/engine/load.ts';
import { readClip } from '../support/clips.ts';
import { rtpPacket } from '../support/rtp-packet.ts';
import { opusPackets } from '../support/speech.ts';
import { engineOptions, startMs, streamOptions } from './engine-options.ts';

const native = loadNative();
const speech = readClip('speech/woman-1');
const packets = opusPackets('speech/woman-1').slice(0, 400);

/** The rows of a poll by field. */
function poll(engine: NativeEngine, nowMs: number): Record<PollField, number>[] {
  const table = new Float64Array(8 * pollFields.length);
  const rows = engine.poll(table, nowMs);
  return Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(pollFields.map((field, column) => [field, table[row * pollFields.length + column]])),
  ) as Record<PollField, number>[];
}

function pushPackets(engine: NativeEngine, handle: number, from = 0, to = packets.length): void {
  for (let i = from; i < to; i += 1) {
    const packet = rtpPacket({
      payloadType: 111,
      sequenceNumber: 65_000 + i,
      timestamp: i * 960,
      ssrc: 0x1234,
      payload: packets[i] as Uint8Array,
    });
    engine.pushRtp(handle, packet, startMs + i * 20, 0);
  }
}

function readWindow(
  engine: NativeEngine,
  handle: number,
  frames: number,
  { normalise = false, floor = -14, values = 64 } = {},
) {
  const out = new Float32Array(frames * values);
  const info = new Float64Array(windowFields.length);
  engine.readWindows(Float64Array.of(handle), frames, normalise, floor, out, info);
  return { out, info: Object.fromEntries(windowFields.map((field, i) => [field, info[i]])) as Record<string, number> };
}

/** How many of the newest frames follow each other without a pause. */
function framesSincePause(engine: NativeEngine, handle: number, values = 64): number {
  const { ringFrames } = poll(engine, startMs)[0] as Record<PollField, number>;
  for (let frames = 1; frames <= ringFrames; frames += 1) {
    const { windowStartMs, windowEndMs } = readWindow(engine, handle, frames, { values }).info as Record<
      string,
      number
    >;
    if ((windowEndMs as number) - (windowStartMs as number) > frames * 10 + 1) return frames - 1;
  }
  return ringFrames;
}

describe('an engine without sockets', () => {
  it('makes frames of RTP packets', () => {
    const engine = new native.Engine(engineOptions());
    assert.deepEqual(engine.sockets, []);
    const handle = engine.addStream(streamOptions());
    pushPackets(engine, handle);
    engine.advance(startMs + 8100);
    const [row] = poll(engine, startMs + 8100);
    assert.ok(row, 'one row');
    assert.equal(row.handle, handle);
    assert.ok(row.ringFrames > 600 && row.ringFrames <= 768, `${row.ringFrames}`);
    assert.ok(row.activeFrames > 300 && row.activeFrames <= row.ringFrames, `${row.activeFrames}`);
    assert.equal(row.lostFrames, 0);
    assert.equal(row.packetsExpected, 400);
    assert.equal(row.packetsLost, 0);
    assert.equal(row.unknownPayloadType, -1);
    assert.equal(row.lastPacketMs, startMs + 399 * 20);
    const stats = engine.streamStats(handle);
    assert.equal(stats.packetsReceived, 400);
    assert.equal(stats.decodedMs, 8000);
    assert.equal(stats.talkMs, row.talkFrames * 10);
    assert.ok(stats.activeMs > 3000 && stats.activeMs <= stats.talkMs, `${stats.activeMs}`);
    assert.equal(stats.statedLevelDbov, null);
    assert.ok(stats.levelDbov > -50 && stats.levelDbov < -10, `${stats.levelDbov}`);
    engine.close();
  });

  it('makes the frames of PCM that logMel makes of the whole', () => {
    const samples = speech.subarray(0, 16_000 * 3);
    const expected = native.logMel(samples);
    const engine = new native.Engine(engineOptions());
    const handle = engine.addStream(streamOptions());
    for (let at = 0; at < samples.length; at += 320) {
      engine.pushPcm(handle, samples.subarray(at, at + 320), startMs + at / 16);
    }
    const frames = framesSincePause(engine, handle);
    assert.ok(frames > 50, `${frames}`);
    const { out, info } = readWindow(engine, handle, frames);
    const first = Math.round(((info.windowStartMs as number) - startMs) / 10);
    for (let i = 0; i < out.length; i += 1) {
      const difference = Math.abs((out[i] as number) - (expected[first * 64 + i] as number));
      assert.ok(difference < 1.7e-4, `value ${i}: ${difference}`);
    }
    const peak = samples
      .subarray(first * 160, (first + frames) * 160)
      .reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    assert.equal(info.peak, peak);
    engine.close();
  });

  it('normalises a window by its peak', () => {
    const engine = new native.Engine(engineOptions());
    const handle = engine.addStream(streamOptions());
    pushPackets(engine, handle);
    const plain = readWindow(engine, handle, 320);
    const normalised = readWindow(engine, handle, 320, { normalise: true, floor: -8 });
    assert.equal(normalised.info.peak, plain.info.peak);
    const gain = -2 * Math.log10(plain.info.peak as number);
    for (let i = 0; i < plain.out.length; i += 1) {
      const expected = Math.max(-8, (plain.out[i] as number) + gain);
      assert.ok(Math.abs((normalised.out[i] as number) - expected) < 1e-5, `value ${i}`);
    }
    engine.close();
  });

  it('keeps samples in a ring of PCM', () => {
    const engine = new native.Engine(engineOptions({ ringKind: ringKinds.pcm, ringFrames: 300 }));
    const handle = engine.addStream(streamOptions());
    engine.pushPcm(handle, speech.subarray(0, 48_000), startMs);
    const frames = framesSincePause(engine, handle, 160);
    assert.ok(frames > 50, `${frames}`);
    const { out, info } = readWindow(engine, handle, frames, { values: 160 });
    const first = Math.round(((info.windowStartMs as number) - startMs) * 16);
    for (let i = 0; i < out.length; i += 1) {
      assert.ok(Math.abs((out[i] as number) - (speech[first + i] as number)) < 2e-5, `sample ${i}`);
    }
    engine.close();
  });

  it('reads the windows of several streams at once', () => {
    const engine = new native.Engine(engineOptions());
    const handles = [0, 1, 2].map((i) => {
      const handle = engine.addStream(streamOptions({ ssrc: i }));
      engine.pushPcm(handle, speech.subarray(i * 32_000, (i + 2) * 32_000), startMs);
      return handle;
    });
    const out = new Float32Array(3 * 100 * 64);
    const info = new Float64Array(3 * windowFields.length);
    engine.readWindows(Float64Array.from(handles), 100, true, -8, out, info);
    for (const [i, handle] of handles.entries()) {
      const one = readWindow(engine, handle, 100, { normalise: true, floor: -8 });
      assert.deepEqual(out.subarray(i * 6400, (i + 1) * 6400), one.out);
      assert.equal(info[i * windowFields.length], one.info.windowStartMs);
    }
    engine.close();
  });

  it('hands over the oldest frames once, step by step, as a window of them would be', () => {
    const engine = new native.Engine(engineOptions());
    const handle = engine.addStream(streamOptions());
    engine.pushPcm(handle, speech.subarray(0, 64_000), startMs);
    const { ringFrames, talkFrames } = poll(engine, startMs)[0] as Record<PollField, number>;
    const all = readWindow(engine, handle, ringFrames);
    const [frames, perStep] = [100, 4];
    const take = (first: number, loudest: number) => {
      const out = new Float32Array(frames * 64);
      const info = new Float64Array(takenFields.length + (frames / perStep) * stepFields.length);
      engine.takeFrames(Float64Array.of(handle, first, loudest), frames, perStep, true, -14, out, info);
      return { out, info, steps: info.subarray(takenFields.length) };
    };
    const first = talkFrames - ringFrames;
    assert.equal(take(first + 1, 0).info[0], 0);
    const { out, info, steps } = take(first, 0);
    assert.equal(info[0], 1);
    assert.equal(steps[0], all.info.windowStartMs);
    assert.ok(Math.abs((info[1] as number) - (all.info.windowStartMs as number) - 1000) < 1, `${info[1]}`);
    // Divided by the largest of the peaks of its steps.
    const peak = Math.max(...Array.from({ length: 25 }, (_, step) => steps[4 * step + 1] as number));
    const expected = all.out.slice(0, out.length).map((value) => value - 2 * Math.log10(peak));
    assert.ok(out.every((value, n) => Math.abs(value - Math.max(-14, expected[n] as number)) < 1e-5));
    const left = poll(engine, startMs)[0] as Record<PollField, number>;
    assert.deepEqual([left.ringFrames, left.talkFrames], [ringFrames - frames, talkFrames]);
    // The same frames are not there any more; the next ones are, divided by what was louder before.
    assert.equal(take(first, 0).info[0], 0);
    const next = take(first + frames, 1);
    const plain = all.out.subarray(out.length, 2 * out.length);
    assert.ok(next.out.every((value, n) => Math.abs(value - (plain[n] as number)) < 1e-5));
    engine.close();
  });

  it('counts the frames that were overwritten', () => {
    const engine = new native.Engine(engineOptions({ ringFrames: 100 }));
    const handle = engine.addStream(streamOptions());
    engine.pushPcm(handle, speech.subarray(0, 48_000), startMs);
    const { ringFrames, talkFrames, overrunFrames } = poll(engine, startMs)[0] as Record<PollField, number>;
    assert.equal(ringFrames, 100);
    assert.equal(overrunFrames, talkFrames - ringFrames);
    engine.close();
  });

  it('changes the rings of all streams while they are heard', () => {
    const engine = new native.Engine(engineOptions());
    const handle = engine.addStream(streamOptions());
    engine.pushPcm(handle, speech.subarray(0, 48_000), startMs);
    const { bytesPerStream } = engine;
    engine.setRing(ringKinds.pcm, 50);
    assert.equal((poll(engine, startMs)[0] as Record<PollField, number>).ringFrames, 0);
    engine.pushPcm(handle, speech.subarray(48_000, 96_000), startMs + 3000);
    const after = poll(engine, startMs)[0] as Record<PollField, number>;
    assert.deepEqual([after.ringFrames, after.overrunFrames > 0], [50, true]);
    assert.equal(readWindow(engine, handle, 50, { values: 160 }).out.length, 8000);
    assert.ok(engine.bytesPerStream < bytesPerStream - 80_000, `${engine.bytesPerStream}`);
    assert.ok(engine.streamStats(handle).talkMs > 3000);
    engine.close();
  });

  it('forgets talk that is too old', () => {
    const engine = new native.Engine(engineOptions({ forgetMs: 2000 }));
    const handle = engine.addStream(streamOptions());
    pushPackets(engine, handle, 0, 300);
    const before = poll(engine, startMs + 6000)[0] as Record<PollField, number>;
    assert.ok(before.ringFrames <= 200 && before.ringFrames > 100, `${before.ringFrames}`);
    const after = poll(engine, startMs + 60_000)[0] as Record<PollField, number>;
    assert.equal(after.ringFrames, 0);
    assert.equal(after.activeFrames, 0);
    assert.equal(after.talkFrames, before.talkFrames);
    engine.close();
  });

  it('starts over when a stream is reset; statistics stay', () => {
    const engine = new native.Engine(engineOptions());
    const handle = engine.addStream(streamOptions());
    pushPackets(engine, handle, 0, 200);
    engine.resetStream(handle);
    const row = poll(engine, startMs + 4000)[0] as Record<PollField, number>;
    assert.equal(row.ringFrames, 0);
    assert.equal(row.lastTalkMs, 0);
    assert.equal(engine.streamStats(handle).packetsReceived, 200);
    engine.close();
  });

  it('tells of payload types that are none of the stream', () => {
    const engine = new native.Engine(engineOptions());
    const handle = engine.addStream(streamOptions({ payloadTypes: [] }));
    pushPackets(engine, handle, 0, 10);
    assert.equal((poll(engine, startMs + 200)[0] as Record<PollField, number>).unknownPayloadType, 111);
    engine.close();
  });

  it('counts loss of this host apart', () => {
    const engine = new native.Engine(engineOptions());
    const handle = engine.addStream(streamOptions());
    for (let i = 0; i < 300; i += 1) {
      if (i >= 200 && i < 210) continue;
      const [payloadType, ssrc, payload] = [111, 0x1234, packets[i] as Uint8Array];
      const packet = rtpPacket({ payloadType, sequenceNumber: i, timestamp: i * 960, ssrc, payload });
      engine.pushRtp(handle, packet, startMs + i * 20, i < 200 ? 3 : 13);
    }
    const row = poll(engine, startMs + 6000)[0] as Record<PollField, number>;
    assert.equal(row.packetsOverload, 10);
    assert.equal(row.packetsLost, 0);
    assert.equal(row.lostFrames, 0);
    assert.ok(row.overloadFrames >= 18 && row.overloadFrames <= 22, `${row.overloadFrames}`);
    assert.equal(readWindow(engine, handle, row.ringFrames).info.overloadFrames, row.overloadFrames);
    engine.close();
  });

  it('never uses a handle again, and knows only its own', () => {
    const engine = new native.Engine(engineOptions({ maxStreams: 2 }));
    const first = engine.addStream(streamOptions());
    const second = engine.addStream(streamOptions());
    assert.throws(() => engine.addStream(streamOptions()), { name: 'RangeError', message: /maxStreams \(2\)/ });
    engine.removeStream(first);
    const third = engine.addStream(streamOptions());
    assert.equal(new Set([first, second, third]).size, 3);
    for (const call of [
      () => engine.removeStream(first),
      () => engine.resetStream(first),
      () => engine.pushRtp(first, new Uint8Array(20), startMs, 0),
      () => engine.pushPcm(first, new Float32Array(20), startMs),
      () => engine.streamStats(first),
      () => engine.readWindows(Float64Array.of(first), 1, false, -8, new Float32Array(64), new Float64Array(6)),
    ]) {
      assert.throws(call, { name: 'RangeError', message: /no (such )?stream/ });
    }
    engine.close();
  });

  it('states the memory of a stream: 128 KiB at most beside the decoder', () => {
    const engine = new native.Engine(engineOptions());
    assert.ok(engine.bytesPerStream > 96 * 1024, `${engine.bytesPerStream}`);
    assert.ok(engine.bytesPerStream <= 128 * 1024, `${engine.bytesPerStream}`);
    assert.ok(engine.decoderBytesPerStream > 10_000, `${engine.decoderBytesPerStream}`);
    engine.close();
  });

  it('counts nothing it did not receive', () => {
    const engine = new native.Engine(engineOptions());
    assert.deepEqual(engine.stats(), {
      packetsUnknownSource: 0,
      packetsMalformed: 0,
      rtcpPackets: 0,
      kernelDrops: 0,
      queueDrops: 0,
    });
    engine.close();
  });
});

describe('wrong arguments', () => {
  it('of the engine are named', () => {
    const cases: [Record<string, unknown>, string, RegExp][] = [
      [{ sockets: 65 }, 'RangeError', /^sockets must be from 0 to 64, is 65$/],
      [{ sockets: '1' }, 'TypeError', /^sockets must be a number$/],
      [{ sockets: 1 }, 'RangeError', /^ports must have one entry a socket, 1, has 0$/],
      [{ sockets: 1, ports: [70_000] }, 'RangeError', /^ports\[0\] must be .* 70000$/],
      [
        { sockets: 1, ports: [0], address: 'localhost' },
        'RangeError',
        /^address must be an IPv4 or IPv6 literal, is 'localhost'$/,
      ],
      [{ ports: undefined }, 'TypeError', /^ports must be an array$/],
      [{ ringKind: 3 }, 'RangeError', /^ringKind/],
      [{ ringFrames: 0 }, 'RangeError', /^ringFrames/],
      [{ ringFrames: 1.5 }, 'RangeError', /^ringFrames must be a whole number, is 1\.5$/],
      [{ reorderMs: -1 }, 'RangeError', /^reorderMs/],
      [{ concealMs: Number.NaN }, 'RangeError', /^concealMs/],
      [{ gapMs: undefined }, 'TypeError', /^gapMs must be a number$/],
      [{ forgetMs: null }, 'TypeError', /^forgetMs must be a number$/],
      [{ maxStreams: 0 }, 'RangeError', /^maxStreams/],
      [{ receiveBufferBytes: -1 }, 'RangeError', /^receiveBufferBytes/],
    ];
    for (const [change, name, message] of cases) {
      assert.throws(() => new native.Engine(engineOptions(change as Partial<NativeEngineOptions>)), { name, message });
    }
    assert.throws(() => new native.Engine(undefined as never), {
      name: 'TypeError',
      message: 'options must be an object',
    });
    assert.throws(() => (native.Engine as unknown as () => void)(), TypeError);
  });

  it('of a stream are named', () => {
    const engine = new native.Engine(engineOptions());
    const cases: [Record<string, unknown>, string, RegExp][] = [
      [{ socket: 0 }, 'RangeError', /^socket must be from -1 to -1, is 0$/],
      [{ ssrc: -1 }, 'RangeError', /^ssrc/],
      [{ ssrc: 2 ** 32 }, 'RangeError', /^ssrc/],
      [{ audioLevelId: 256 }, 'RangeError', /^audioLevelId/],
      [{ payloadTypes: {} }, 'TypeError', /^payloadTypes must be an array$/],
      [{ payloadTypes: [1] }, 'TypeError', /^payloadTypes\[0\] must be an object$/],
      [
        { payloadTypes: [{ payloadType: 128, codec: 1, clockRateHz: 48_000 }] },
        'RangeError',
        /^payloadTypes\[0\]\.payloadType/,
      ],
      [
        { payloadTypes: [{ payloadType: 1, codec: 9, clockRateHz: 48_000 }] },
        'RangeError',
        /^payloadTypes\[0\]\.codec/,
      ],
      [
        { payloadTypes: [{ payloadType: 1, codec: codecIds.pcmu, clockRateHz: 0 }] },
        'RangeError',
        /^payloadTypes\[0\]\.clockRateHz/,
      ],
    ];
    for (const [change, name, message] of cases) {
      assert.throws(() => engine.addStream(streamOptions(change)), { name, message });
    }
    assert.equal(poll(engine, startMs).length, 0);
    engine.close();
  });

  it('of the calls are named', () => {
    const engine = new native.Engine(engineOptions());
    const handle = engine.addStream(streamOptions());
    engine.pushPcm(handle, speech.subarray(0, 48_000), startMs);
    const window = (frames: number, out = 64 * frames, info = 6, handles = [handle]) =>
      engine.readWindows(Float64Array.from(handles), frames, true, -8, new Float32Array(out), new Float64Array(info));
    const take = (frames: number, out = 64 * frames, info = 6, pieces = [handle, 0, 0]) =>
      engine.takeFrames(
        ...([Float64Array.from(pieces), frames, 4, true, -8] as const),
        ...([new Float32Array(out), new Float64Array(info)] as const),
      );
    const cases: [() => unknown, string, RegExp][] = [
      [() => engine.pushRtp(handle, [] as never, startMs, 0), 'TypeError', /^packet must be a Uint8Array$/],
      [() => engine.pushRtp(handle, new Uint8Array(4), Number.NaN, 0), 'RangeError', /^arrivalMs/],
      [() => engine.pushRtp(handle, new Uint8Array(4), startMs, -1), 'RangeError', /^hostDrops/],
      [
        () => engine.pushRtp(1.5, new Uint8Array(4), startMs, 0),
        'RangeError',
        /^handle must be a whole number, is 1\.5$/,
      ],
      [
        () => engine.pushPcm(handle, new Float64Array(4) as never, startMs),
        'TypeError',
        /^samples must be a Float32Array$/,
      ],
      [
        () => engine.pushPcm(handle, Float32Array.of(0, Number.NaN), startMs),
        'RangeError',
        /^samples\[1\] must be a finite number$/,
      ],
      [() => engine.pushPcm(handle, new Float32Array(4), -1), 'RangeError', /^arrivalMs/],
      [() => engine.advance(Number.POSITIVE_INFINITY), 'RangeError', /^nowMs/],
      [() => engine.poll(new Float64Array(3), startMs), 'RangeError', /^table must hold 19 numbers, holds 3$/],
      [() => engine.poll(new Float32Array(30) as never, startMs), 'TypeError', /^table must be a Float64Array$/],
      [() => window(0), 'RangeError', /^frames/],
      [() => window(10, 639), 'RangeError', /^out must hold 640 numbers, holds 639$/],
      [() => window(10, 640, 5), 'RangeError', /^info must hold 6 numbers, holds 5$/],
      [() => window(700), 'RangeError', /has \d+ frames, not 700$/],
      [() => window(10, 640, 6, [Number.NaN]), 'RangeError', /^handles\[0\]: there is no such stream$/],
      [() => take(2), 'RangeError', /^frames must be a multiple of framesPerStep$/],
      [() => take(4, 255), 'RangeError', /^out must hold 256 numbers, holds 255$/],
      [() => take(4, 256, 5), 'RangeError', /^info must hold 6 numbers, holds 5$/],
      [() => take(4, 256, 6, [1, 2]), 'RangeError', /^pieces must hold rows of 3 numbers$/],
      [() => take(4, 256, 6, [handle + 1, 0, 0]), 'RangeError', /^pieces\[0\]: there is no such stream$/],
      [() => engine.setRing(3, 10), 'RangeError', /^ringKind/],
      [() => engine.setRing(ringKinds.pcm, 0), 'RangeError', /^ringFrames/],
      [() => engine.streamStats('1' as never), 'TypeError', /^handle must be a number$/],
    ];
    for (const [call, name, message] of cases) assert.throws(call, { name, message });
    engine.close();
  });

  it('of a getter that closes the engine do no harm', () => {
    const engine = new native.Engine(engineOptions());
    const hostile = {
      ...streamOptions(),
      get ssrc() {
        engine.close();
        return 1;
      },
    };
    assert.throws(() => engine.addStream(hostile), { code: 'ERR_INVALID_STATE' });
  });

  it('of a getter that throws are its own error', () => {
    const engine = new native.Engine(engineOptions());
    const hostile = {
      ...streamOptions(),
      get ssrc(): number {
        throw new Error('mine');
      },
    };
    assert.throws(() => engine.addStream(hostile), { message: 'mine' });
    engine.close();
  });

  it('as receiver are refused', () => {
    const { poll: method } = native.Engine.prototype as NativeEngine;
    for (const receiver of [{}, null, 1, native, Object.create(native.Engine.prototype)]) {
      assert.throws(() => method.call(receiver as never, new Float64Array(18), startMs), TypeError);
    }
  });
});

describe('a closed engine', () => {
  it('may be closed again, and refuses all else', () => {
    const engine = new native.Engine(engineOptions());
    const handle = engine.addStream(streamOptions());
    engine.close();
    engine.close();
    for (const call of [
      () => engine.addStream(streamOptions()),
      () => engine.removeStream(handle),
      () => engine.resetStream(handle),
      () => engine.pushRtp(handle, new Uint8Array(12), startMs, 0),
      () => engine.pushPcm(handle, new Float32Array(1), startMs),
      () => engine.advance(startMs),
      () => engine.poll(new Float64Array(18), startMs),
      () => engine.readWindows(new Float64Array(0), 1, true, -8, new Float32Array(0), new Float64Array(0)),
      () => engine.streamStats(handle),
      () => engine.stats(),
    ]) {
      assert.throws(call, { code: 'ERR_INVALID_STATE', message: 'the engine is closed' });
    }
    assert.ok(engine.bytesPerStream > 0, `${engine.bytesPerStream}`);
  });
});
