import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadNative } from '../../src/engine/load.ts';
import type { StreamScore } from '../../src/events.ts';
import { loadModel } from '../../src/model/load.ts';
import type { Model } from '../../src/model/model.ts';
import type { WindowedModel } from '../../src/model/windowed-model.ts';
import { QualityMonitor } from '../../src/quality/monitor.ts';
import { defaultThresholds } from '../../src/quality/thresholds.ts';
import { readClip } from '../support/clips.ts';
import { windowedModel } from '../support/models.ts';
import { mean, offlineSession, RecordedCall, scoresOf, story } from '../support/recorded-call.ts';
import { encode } from '../support/speech.ts';
import { everyOutput, everyOutputManifest, waveform, waveformManifest, writeModel } from '../support/tiny-network.ts';

const silence = (seconds: number) => new Float32Array(seconds * 16000);
/** Steady noise of a level, from a fixed seed. */
function noise(seconds: number, amplitude: number): Float32Array {
  let state = 12345;
  return Float32Array.from({ length: seconds * 16000 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return amplitude * (state / 2 ** 31 - 1);
  });
}
const woman = readClip('speech/woman-1');
const man = readClip('speech/man-1');

let standin: WindowedModel;
before(async () => {
  const model: Model = await loadModel(windowedModel, loadNative().features);
  assert.ok(model.form === 'windowed');
  standin = model;
});
/** Does something while the network of a model runs for the first time from now on. */
function whileItRuns(model: WindowedModel, act: () => void): void {
  const run = model.run.bind(model);
  model.run = (...input) => {
    model.run = run;
    const running = run(...input);
    act();
    return running;
  };
}
const folder = mkdtempSync(join(tmpdir(), 'mediasoup-mos-session-'));
after(() => rmSync(folder, { recursive: true }));

const isScore = (event: { type: string }): event is StreamScore => event.type === 'score';

describe('a session scores what it hears', () => {
  it('Opus speech: the first score after 3 s of talk where the model tells no speech, then one a second of talk', async () => {
    const call = new RecordedCall(offlineSession(standin));
    await call.send(encode(woman));
    assert.deepEqual(story(call.events), ['too-short', 'score']);
    assert.deepEqual(
      call.events.map(({ sequence }) => sequence),
      call.events.map((_, index) => index),
    );
    const scores = call.events.filter(isScore);
    assert.ok(scores.length >= 8 && scores.length <= 10, `${scores.length} scores in 12 s`);
    // Without a speech output 3 s of talk, not all of it active.
    const { speechMs: first } = scores[0] as StreamScore;
    assert.ok(first >= 2000 && first <= 3300, `${first}`);
    for (const { mosLqo, interval, network, model, windowStart, windowEnd, speechMs } of scores) {
      assert.ok(mosLqo > 3.5, `${mosLqo}`);
      assert.ok(interval.lower < mosLqo && mosLqo < interval.upper && interval.coverage === 0.9);
      assert.equal(network.lossRatio, 0);
      assert.ok(Math.abs(network.mosCqe - 4.5) < 0.005);
      assert.deepEqual(model, { name: 'standin', version: '0.1.0' });
      assert.ok(speechMs <= windowEnd - windowStart + 1);
    }
  });

  it('clean above 20 % loss in bursts by a margin, and the network says so', async () => {
    const clean = new RecordedCall(offlineSession(standin));
    await clean.send(encode(man));
    const lossy = new RecordedCall(offlineSession(standin));
    // Two of ten.
    await lossy.send(encode(man), (packet, index) => (index % 10 < 2 ? [] : [packet]));
    assert.ok(mean(scoresOf(clean.events)) > mean(scoresOf(lossy.events)) + 0.7);
    const last = lossy.events.filter(isScore).at(-1) as StreamScore;
    assert.ok(Math.abs(last.network.lossRatio - 0.2) < 0.02, `${last.network.lossRatio}`);
    assert.ok(Math.abs(last.network.burstRatio - 1.6) < 0.1, `${last.network.burstRatio}`);
    assert.ok(last.network.mosCqe < 2.5, `${last.network.mosCqe}`);
    assert.equal(last.network.effectiveLossRatio, last.network.lossRatio);
    assert.ok(last.limitedBy === 'network' || last.limitedBy === 'both', last.limitedBy);
    const clear = clean.events.filter(isScore).at(-1) as StreamScore;
    assert.equal(clear.network.effectiveLossRatio, 0);
    assert.equal(clear.limitedBy, 'none');
    const monitor = new QualityMonitor(defaultThresholds);
    for (const event of lossy.events.filter(isScore)) monitor.score(event, event.windowEnd);
    assert.equal(monitor.state, 'poor');
  });

  it('what FEC recovers is lost, but not effectively', async () => {
    const call = new RecordedCall(offlineSession(standin));
    await call.send(encode(man, { fec: true, packetLossPercent: 20 }), (packet, index) =>
      index % 10 === 5 ? [] : [packet],
    );
    const { lossRatio, effectiveLossRatio = 1 } = (call.events.filter(isScore).at(-1) as StreamScore).network;
    assert.ok(Math.abs(lossRatio - 0.1) < 0.02, `${lossRatio}`);
    assert.ok(effectiveLossRatio < lossRatio / 2, `${effectiveLossRatio}`);
  });

  it('the same packets to the same scores, whatever else is scored beside them', async () => {
    const alone = new RecordedCall(offlineSession(standin));
    await alone.send(encode(woman));
    const session = offlineSession(standin);
    const others = ['x', 'y', 'z'].map((id) => new RecordedCall(session, id));
    const together = new RecordedCall(session);
    const packets = encode(woman);
    const man1 = encode(man);
    for (let at = 0; at < packets.length; at += 5) {
      for (const other of others) await other.send(man1.slice(at, at + 5));
      await together.send(packets.slice(at, at + 5));
    }
    const all = [...others.flatMap((other) => other.events), ...together.events];
    const got = scoresOf(all.filter(({ streamId }) => streamId === 'a').sort((a, b) => a.sequence - b.sequence));
    const expected = scoresOf(alone.events);
    assert.ok(Math.abs(got.length - expected.length) <= 1);
    for (const [index, mos] of expected.slice(0, got.length).entries()) {
      assert.ok(Math.abs((got[index] as number) - mos) < 0.05, `${index}: ${got[index]}, alone ${mos}`);
    }
  });

  it('pushed samples', async () => {
    const session = offlineSession(standin);
    const call = new RecordedCall(session, 'a', []);
    await call.hear(woman);
    assert.deepEqual(story(call.events), ['too-short', 'score']);
    assert.ok(mean(scoresOf(call.events)) > 3.5);
  });

  it('G.711, lower than Opus, since it is narrow-band', async () => {
    const payloadTypes = [{ payloadType: 0, mimeType: 'audio/PCMU', clockRateHz: 8000 }];
    const call = new RecordedCall(offlineSession(standin), 'a', payloadTypes as never);
    const payloads: Uint8Array[] = [];
    for (let at = 0; at + 320 <= woman.length; at += 320) {
      payloads.push(
        Uint8Array.from({ length: 160 }, (_, i) =>
          muLaw(((woman[at + 2 * i] as number) + (woman[at + 2 * i + 1] as number)) / 2),
        ),
      );
    }
    // The RTP clock of G.711 is 8 kHz, that of the helper 48 kHz.
    const send = call.send.bind(call);
    call.timestamp = 0;
    await send(
      payloads,
      (packet) => {
        const view = new DataView(packet.buffer);
        view.setUint32(4, view.getUint32(4) / 6);
        return [packet];
      },
      0,
    );
    assert.deepEqual(story(call.events), ['too-short', 'score']);
    const opus = new RecordedCall(offlineSession(standin));
    await opus.send(encode(woman));
    const [narrow, wide] = [mean(scoresOf(call.events)), mean(scoresOf(opus.events))];
    assert.ok(narrow < wide - 0.1, `${narrow}, ${wide}`);
  });
});

/** ITU-T G.711 mu-law of a sample from -1 to 1. */
function muLaw(sample: number): number {
  const magnitude = Math.min(32635, Math.abs(Math.round(sample * 32768))) + 132;
  const exponent = Math.floor(Math.log2(magnitude)) - 7;
  const mantissa = (magnitude >> (exponent + 3)) & 15;
  return ~((sample < 0 ? 128 : 0) | (exponent << 4) | mantissa) & 255;
}

describe('a session says why there is no score', () => {
  it('silence: digital silence with discontinuous transmission is silence, not gap', async () => {
    const call = new RecordedCall(offlineSession(standin));
    await call.send(encode(silence(8), { dtx: true }));
    assert.deepEqual(story(call.events), ['too-short', 'silence']);
  });

  it('no-speech: steady noise', async () => {
    const call = new RecordedCall(offlineSession(standin));
    await call.send(encode(noise(8, 0.1)));
    assert.deepEqual(story(call.events), ['too-short', 'no-speech']);
  });

  it('silence after talk within 2.5 s, and scores again when the talk goes on', async () => {
    const call = new RecordedCall(offlineSession(standin));
    await call.send(encode(woman.slice(0, 6 * 16000)));
    call.take();
    await call.send(encode(silence(3)));
    assert.deepEqual(story(call.take()).at(-1), 'silence');
    await call.send(encode(man.slice(0, 3 * 16000)));
    assert.deepEqual(story(call.take()), ['score']);
  });

  it('gap: no packet for 2 s', async () => {
    const call = new RecordedCall(offlineSession(standin));
    await call.send(encode(woman.slice(0, 5 * 16000)));
    call.take();
    await call.wait(2400);
    const events = call.take();
    assert.deepEqual(story(events), ['gap']);
    assert.equal(events[0]?.type === 'noscore' && call.nowMs - events[0].since <= 2440, true);
  });

  it('gap: most of the window lost', async () => {
    const call = new RecordedCall(offlineSession(standin));
    // Runs of 300 ms; FEC is off.
    await call.send(encode(woman), (packet, index) => (index > 50 && index % 20 < 15 ? [] : [packet]));
    assert.equal(story(call.events).includes('gap'), true, story(call.events).join());
    assert.equal(story(call.events).at(-1), 'gap');
  });

  it('overload: packets lost in this host are never a low score', async () => {
    const call = new RecordedCall(offlineSession(standin));
    await call.send(encode(woman.slice(0, 5 * 16000)));
    call.take();
    await call.send(encode(man.slice(0, 4 * 16000)), (packet, index) => {
      if (index % 10 >= 5) return [packet];
      call.hostDrops++;
      return [];
    });
    assert.deepEqual(story(call.take()), ['overload']);
    const { packetsLost, packetsOverload } = call.session.streamStats('a');
    assert.equal(packetsLost, 0);
    assert.ok(packetsOverload > 0);
    await call.send(encode(woman));
    const after = story(call.take());
    assert.equal(after.at(-1), 'score', after.join());
  });

  it('unsupported-codec: by the RTP parameters, or by the packets', async () => {
    const red = [{ payloadType: 63, mimeType: 'audio/red', clockRateHz: 48000 }];
    const declared = new RecordedCall(offlineSession(standin), 'a', red as never);
    await declared.send(encode(woman.slice(0, 16000)), undefined, 63);
    assert.deepEqual(story(declared.events), ['unsupported-codec']);
    const seen = new RecordedCall(offlineSession(standin));
    await seen.send(encode(woman.slice(0, 3 * 16000)), undefined, 63);
    assert.deepEqual(story(seen.events), ['too-short', 'unsupported-codec']);
  });

  it('undecodable: end-to-end encrypted payloads', async () => {
    const call = new RecordedCall(offlineSession(standin));
    let state = 1;
    const encrypted = encode(woman).map((payload) =>
      payload.map(() => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return state >>> 24;
      }),
    );
    await call.send(encrypted);
    assert.equal(story(call.events).at(-1), 'undecodable');
    assert.deepEqual(scoresOf(call.events), []);
  });

  it('ssrc-changed: another SSRC goes on; nothing of the one before is scored with it', async () => {
    const call = new RecordedCall(offlineSession(standin));
    await call.send(encode(noise(1, 0.3)));
    await call.send(encode(woman.slice(0, 6 * 16000)));
    call.take();
    call.ssrc = 0x9999;
    call.sequenceNumber = 7;
    const changedMs = call.nowMs;
    await call.send(encode(man.slice(0, 8 * 16000)));
    const events = call.take();
    assert.deepEqual(story(events), ['ssrc-changed', 'too-short', 'score']);
    for (const score of events.filter(isScore)) assert.ok(score.windowStart >= changedMs - 100);
  });

  it('ssrc-changed: the numbering begins anew', async () => {
    const call = new RecordedCall(offlineSession(standin));
    await call.send(encode(woman.slice(0, 6 * 16000)));
    call.take();
    call.sequenceNumber = 20_000;
    await call.send(encode(man.slice(0, 6 * 16000)));
    assert.deepEqual(story(call.take()), ['ssrc-changed', 'too-short', 'score']);
  });

  it('a stray SSRC changes nothing', async () => {
    const call = new RecordedCall(offlineSession(standin));
    await call.send(encode(woman), (packet, index) => {
      const stray = packet.slice();
      stray[8] = 77;
      return index % 7 === 0 ? [packet, stray] : [packet];
    });
    assert.deepEqual(story(call.events), ['too-short', 'score']);
  });

  it('garbage is counted and changes nothing', async () => {
    const call = new RecordedCall(offlineSession(standin));
    await call.send(encode(woman), (packet) => [new Uint8Array(0), new Uint8Array(5), packet, packet.slice(0, 11)]);
    assert.deepEqual(story(call.events), ['too-short', 'score']);
    assert.ok(call.session.streamStats('a').packetsMalformed > 1000);
  });
});

describe('muting', () => {
  it('says muted at the next tick, and gives no number until talk goes on', async () => {
    const call = new RecordedCall(offlineSession(standin));
    await call.send(encode(woman.slice(0, 6 * 16000)));
    call.take();
    call.session.pause('a', call.nowMs);
    await call.send(encode(man.slice(0, 4 * 16000)));
    assert.deepEqual(story(call.take()), ['muted']);
    call.session.resume('a', call.nowMs);
    await call.send(encode(man.slice(4 * 16000, 7 * 16000)));
    const events = call.take();
    assert.deepEqual(story(events), ['too-short', 'score']);
    // Talk from before counts: 3 s of new talk are not needed for the first score.
    assert.ok((events.find(isScore)?.speechMs as number) > 4000);
  });

  it('a stream that begins paused is muted from the start', async () => {
    const session = offlineSession(standin);
    session.addStream({ streamId: 'p', paused: true }, 0);
    assert.deepEqual(story(await session.tick(100)), ['muted']);
  });

  it('a number that is being made when the stream is muted or removed is not told', async () => {
    for (const act of ['pause', 'removeStream'] as const) {
      const call = new RecordedCall(offlineSession(standin));
      await call.send(encode(woman.slice(0, 5 * 16000 - 320)));
      call.take();
      for (const payload of encode(woman.slice(5 * 16000, 6.2 * 16000))) {
        call.session.pushRtp('a', call.nextPacket(payload), call.nowMs);
        call.timestamp += 960;
        call.nowMs += 20;
      }
      whileItRuns(standin, () => call.session[act]('a', call.nowMs + 100));
      assert.deepEqual(await call.session.tick(call.nowMs + 100), []);
    }
  });
});

describe('a session with another model', () => {
  it('tells causes, and leaves it to a speech output what is speech', async () => {
    const model = await loadModel(writeModel(folder, 'every', everyOutput, everyOutputManifest), loadNative().features);
    const call = new RecordedCall(offlineSession(model));
    await call.send(encode(woman));
    // The test network takes everything for speech, 99 % sure.
    const scores = call.events.filter(isScore);
    assert.ok(scores.length > 0);
    assert.deepEqual(Object.keys(scores[0]?.causes ?? {}), ['noise', 'codec']);
    assert.equal(scores[0]?.interval.coverage, 0.8);
    assert.ok((scores.at(-1)?.windowEnd as number) - (scores.at(-1)?.windowStart as number) >= 4990);

    const deaf = {
      ...everyOutputManifest,
      outputs: { ...everyOutputManifest.outputs, speech: { name: 'speaking', threshold: 1 } },
    };
    const model2 = await loadModel(writeModel(folder, 'deaf', everyOutput, deaf), loadNative().features);
    const unheard = new RecordedCall(offlineSession(model2));
    await unheard.send(encode(woman));
    assert.deepEqual(story(unheard.events), ['too-short', 'no-speech']);
  });

  it('takes a waveform', async () => {
    const model = await loadModel(writeModel(folder, 'wave', waveform, waveformManifest), loadNative().features);
    const call = new RecordedCall(offlineSession(model, { minSpeechMs: 2000 }));
    await call.send(encode(woman));
    const scores = call.events.filter(isScore);
    assert.ok(scores.length >= 7);
    // The network's mean square, of a window whose peak is 1, is below 1: the lowest MOS.
    assert.equal(scores[0]?.mosLqo, 1);
    assert.ok((scores[0]?.interval.upper as number) > 1);
  });
});

describe('a session with more to score than it may', () => {
  it('scores those first that waited longest, and comes round to all', async () => {
    const session = offlineSession(standin);
    const ids = ['a', 'b', 'c', 'd'];
    for (const streamId of ids) session.addStream({ streamId }, 0);
    const told: string[] = [];
    for (let ms = 0; ms < 10_000; ms += 100) {
      for (const streamId of ids) session.pushPcm(streamId, woman.subarray(ms * 16, (ms + 100) * 16), ms);
      const events = (await session.tick(ms + 100, { maxWindows: 1 })).filter(isScore);
      assert.ok(events.length <= 1);
      told.push(...events.map(({ streamId }) => streamId));
    }
    assert.deepEqual(told.slice(0, 4).sort(), ids);
    assert.deepEqual(told.slice(4, 8).sort(), ids);
  });
});

describe('a session whose streams go while it scores', () => {
  it('scores the others', async () => {
    const session = offlineSession(standin);
    // More than one batch, and the last one is gone before it is read.
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const streamId of ids) {
      session.addStream({ streamId }, 0);
      session.pushPcm(streamId, woman.subarray(0, 4 * 16000), 0);
    }
    whileItRuns(standin, () => session.removeStream('f'));
    const events = await session.tick(4000);
    assert.deepEqual(
      events.map(({ streamId, type }) => [streamId, type]),
      ids.slice(0, -1).map((streamId) => [streamId, 'score']),
    );
  });
});

describe('a session told wrong things', () => {
  it('an unknown stream, the same stream twice', () => {
    const session = offlineSession(standin);
    session.addStream({ streamId: 'a' }, 0);
    assert.throws(() => session.addStream({ streamId: 'a' }, 0), /there is a stream 'a' already/);
    assert.throws(() => session.pushPcm('b', silence(1), 0), /there is no stream 'b'/);
    session.removeStream('a');
    assert.throws(() => session.removeStream('a'), /there is no stream 'a'/);
  });

  it('more speech than the window holds', () => {
    assert.throws(
      () => offlineSession(standin, { minSpeechMs: 7690 }),
      /minSpeechMs must be at most 7680.*'standin'.*7690/,
    );
  });
});
