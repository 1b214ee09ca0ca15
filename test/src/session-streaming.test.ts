import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadNative } from '../../src/engine/load.ts';
import type { StreamEvent, StreamScore } from '../../src/events.ts';
import { loadModel } from '../../src/model/load.ts';
import type { Model } from '../../src/model/model.ts';
import type { StreamingModel } from '../../src/model/streaming-model.ts';
import type { GateOptions } from '../../src/scoring/score-policy.ts';
import type { ScoringSession } from '../../src/scoring/session.ts';
import { readClip } from '../support/clips.ts';
import { randomModel, windowedModel } from '../support/models.ts';
import { offlineSession, RecordedCall, scoresOf, story } from '../support/recorded-call.ts';
import { encode } from '../support/speech.ts';

const folder = mkdtempSync(join(tmpdir(), 'mediasoup-mos-streaming-'));
after(() => rmSync(folder, { recursive: true }));

const perMs = 16;
const perSecond = 1000 * perMs;
const woman = readClip('speech/woman-1');
const man = readClip('speech/man-1');
const isScore = (event: StreamEvent): event is StreamScore => event.type === 'score';

let model: StreamingModel;
let windowed: Model;
before(async () => {
  const { features } = loadNative();
  const loaded: Model = await loadModel(randomModel, features);
  assert.ok(loaded.form === 'streaming');
  model = loaded;
  windowed = await loadModel(windowedModel, features);
});

/** The model with other limits of what it takes for speech. */
async function withLimits(stepThreshold: number, windowThreshold: number): Promise<Model> {
  cpSync(dirname(randomModel), folder, { recursive: true });
  const manifest = JSON.parse(readFileSync(randomModel, 'utf8'));
  manifest.streaming.stepThreshold = stepThreshold;
  manifest.outputs.speech.threshold = windowThreshold;
  const path = join(folder, 'limits.json');
  writeFileSync(path, JSON.stringify(manifest));
  return loadModel(path, loadNative().features);
}

/** Pushes samples from a moment on, looking every so often; the events. */
async function play(session: ScoringSession, samples: Float32Array, fromMs = 0, everyMs = 100): Promise<StreamEvent[]> {
  if (!session.has('a')) session.addStream({ streamId: 'a' }, fromMs);
  const events: StreamEvent[] = [];
  for (let ms = 0; ms < samples.length / perMs; ms += everyMs) {
    session.pushPcm('a', samples.subarray(ms * perMs, (ms + everyMs) * perMs), fromMs + ms);
    events.push(...(await session.tick(fromMs + ms + everyMs)));
  }
  return events;
}

const alone = async (samples: Float32Array, options?: GateOptions) =>
  (await play(offlineSession(model, options), samples)).filter(isScore);

function sameScores(got: readonly StreamEvent[], expected: readonly StreamEvent[]): void {
  const [a, b] = [scoresOf(got), scoresOf(expected)];
  assert.notEqual(b.length, 0);
  assert.equal(a.length, b.length, `${a} instead of ${b}`);
  for (const [index, mos] of b.entries()) {
    assert.ok(Math.abs((a[index] as number) - mos) < 1e-5, `${index}: ${a} instead of ${b}`);
  }
}

describe('a session with a streaming model', () => {
  it('scores first after 3 s of talk, then after every second of it, with interval and causes', async () => {
    const call = new RecordedCall(offlineSession(model));
    await call.send(encode(woman));
    assert.deepEqual(story(call.events), ['too-short', 'score']);
    const scores = call.events.filter(isScore);
    assert.equal(scores.length, 9);
    for (const { windowStart, windowEnd, speechMs, interval, causes, mosLqo, model: named } of scores) {
      assert.ok(speechMs >= 3000 && speechMs <= 7680 && speechMs % 40 === 0, `${speechMs}`);
      assert.ok(windowEnd - windowStart >= speechMs - 1, `${windowEnd - windowStart}`);
      assert.ok(interval.lower <= mosLqo && mosLqo <= interval.upper, `${mosLqo}`);
      assert.deepEqual(Object.keys(causes ?? {}), model.manifest.outputs.causes?.order);
      assert.deepEqual(named, { name: 'random-streaming', version: '0.0.1' });
    }
  });

  it('gives the same scores, whenever and however often it is looked at', async () => {
    const expected = await alone(woman);
    for (const everyMs of [20, 50, 300]) {
      sameScores(await play(offlineSession(model), woman, 0, everyMs), expected);
    }
  });

  it('gives each of several streams what it gives it alone', async () => {
    const session = offlineSession(model);
    const talks = [woman, man, woman.subarray(perSecond), man.subarray(500 * perMs), woman.subarray(2 * perSecond)];
    talks.forEach((_, index) => {
      session.addStream({ streamId: String(index) }, 0);
    });
    const events: StreamEvent[] = [];
    for (let ms = 0; ms < 12_000; ms += 100) {
      talks.forEach((samples, index) => {
        const piece = samples.subarray(ms * perMs, (ms + 100) * perMs);
        if (piece.length > 0) session.pushPcm(String(index), piece, ms);
      });
      events.push(...(await session.tick(ms + 100)));
    }
    for (const [index, samples] of talks.entries()) {
      sameScores(
        events.filter(({ streamId }) => streamId === String(index)),
        await alone(samples),
      );
    }
  });

  it('scores after any interval of talk, rounded up to its steps of 40 ms', async () => {
    for (const [intervalMs, steppedMs] of [
      [100, 120],
      [500, 520],
      [1000, 1000],
      [1500, 1520],
      [2000, 2000],
    ] as const) {
      const scores = await alone(woman.subarray(0, 7 * perSecond), { intervalMs });
      assert.equal(scores.length, Math.floor(3800 / steppedMs) + 1, `${intervalMs} ms`);
      scores.slice(1).forEach(({ windowEnd }, index) => {
        assert.equal(windowEnd - (scores[index] as StreamScore).windowEnd, steppedMs);
      });
    }
  });

  it('remembers one stream in the memory that it says, at most 128 KiB for the default shape', () => {
    const { bytesPerStream } = offlineSession(model);
    const { firstFrames } = model.shape;
    assert.ok(bytesPerStream > (firstFrames + 75) * 136, `${bytesPerStream}`);
    // 96 values a step instead of 8, 3072 of state instead of 208.
    const bytes = bytesPerStream + 192 * 2 * (96 - 8) + 4 * (3072 - model.shape.stateValues);
    assert.ok(bytes <= 128 * 1024, `${bytes}`);
  });
});

describe('speech, as a streaming model hears it', () => {
  it('no-speech: nobody in the window, whatever passed the gate', async () => {
    for (const deaf of [await withLimits(1, 0), await withLimits(0.5, 1)]) {
      assert.deepEqual(story(await play(offlineSession(deaf), woman)), ['too-short', 'no-speech']);
    }
  });

  it('too-short: less than minSpeechMs of steps with speech', async () => {
    const all = await play(offlineSession(await withLimits(0, 0), { minSpeechMs: 3000 }), woman);
    assert.equal(all.find(isScore)?.speechMs, 3000);
    // The limit that about half of the steps of this model pass.
    const strict = await withLimits(0.98, 0);
    const events = await play(offlineSession(strict, { minSpeechMs: 3000 }), woman);
    const scores = events.filter(isScore);
    assert.equal(story(events)[0], 'too-short');
    assert.ok(scores.length < all.filter(isScore).length, `${scores.length} scores`);
    for (const { speechMs } of scores) assert.ok(speechMs >= 3000 && speechMs < 7680, `${speechMs}`);
  });
});

describe('what a streaming model has heard is forgotten', () => {
  /** Runs `act`; the first thing that the trunk is given meanwhile has to be that of a new stream. */
  async function beginsAnew<Result>(act: () => Promise<Result>): Promise<Result> {
    const embed = model.embed.bind(model);
    let first: { frames: number; state: number } | undefined;
    model.embed = (input, state, count, frames) => {
      first ??= { frames, state: Math.max(...state.map(Math.abs)) };
      return embed(input, state, count, frames);
    };
    try {
      return await act();
    } finally {
      model.embed = embed;
      assert.deepEqual(first, { frames: 300, state: 0 });
    }
  }

  it('when the sender restarts, or another SSRC goes on', async () => {
    for (const change of [{ sequenceNumber: 20_000 }, { ssrc: 0x9999, sequenceNumber: 7 }]) {
      const call = new RecordedCall(offlineSession(model));
      await call.send(encode(woman.subarray(0, 6 * perSecond)));
      call.take();
      const changedMs = call.nowMs;
      Object.assign(call, change);
      await beginsAnew(() => call.send(encode(man)));
      const events = call.take();
      assert.deepEqual(story(events), ['ssrc-changed', 'too-short', 'score']);
      for (const { windowStart } of events.filter(isScore)) assert.ok(windowStart >= changedMs - 100, `${windowStart}`);
    }
  });

  it('after a minute', async () => {
    const session = offlineSession(model);
    await play(session, woman.subarray(0, 6 * perSecond));
    for (let ms = 6000; ms < 100_000; ms += 1000) await session.tick(ms);
    const events = await beginsAnew(() => play(session, man, 100_000));
    for (const { windowStart } of events.filter(isScore)) assert.ok(windowStart >= 99_900, `${windowStart}`);
  });

  it('step by step within a minute', async () => {
    const session = offlineSession(model);
    await play(session, woman.subarray(0, 6 * perSecond));
    for (let ms = 6000; ms < 62_000; ms += 1000) await session.tick(ms);
    const [first] = (await play(session, man, 62_000)).filter(isScore);
    assert.ok((first?.windowStart as number) > 2000 && (first?.windowStart as number) < 6000, `${first?.windowStart}`);
  });

  it('when it is reset, as after talk while it was muted; a mute alone forgets nothing', async () => {
    for (const heard of [true, false]) {
      const session = offlineSession(model);
      await play(session, woman.subarray(0, 6 * perSecond));
      session.pause('a', 6000);
      for (let ms = 6000; ms < 8000; ms += 100) assert.deepEqual(scoresOf(await session.tick(ms)), []);
      if (heard) session.reset('a');
      session.resume('a', 8000);
      const talk = () => play(session, man, 8000);
      const [first] = (await (heard ? beginsAnew(talk) : talk())).filter(isScore);
      assert.equal((first?.windowStart as number) >= 8000, heard);
    }
  });

  it('after a mute a score ends with what was said since, wherever between two scores the mute came', async () => {
    for (let talkMs = 5000; talkMs < 6000; talkMs += 100) {
      const session = offlineSession(model);
      await play(session, woman.subarray(0, talkMs * perMs));
      session.pause('a', talkMs);
      // Still on the way when it was muted.
      session.pushPcm('a', woman.subarray(talkMs * perMs, (talkMs + 150) * perMs), talkMs);
      for (let ms = talkMs + 100; ms < 8000; ms += 100) assert.deepEqual(scoresOf(await session.tick(ms)), []);
      session.resume('a', 8000);
      const [first] = (await play(session, man, 8000)).filter(isScore);
      assert.ok((first?.windowEnd as number) > 8000, `muted at ${talkMs}: a window that ends at ${first?.windowEnd}`);
      assert.ok((first?.windowStart as number) < 8000, `${first?.windowStart}`);
    }
  });
});

describe('a streaming model that is behind', () => {
  it('overload: what was overwritten before it was heard is never a score', async () => {
    const session = offlineSession(model);
    await play(session, woman.subarray(0, 5 * perSecond));
    session.pushPcm('a', man.subarray(0, 5 * perSecond), 5000);
    assert.deepEqual(story(await session.tick(10_000)), ['overload']);
    const events = await play(session, woman, 10_000);
    assert.equal(story(events).at(-1), 'score');
    for (const { windowStart } of events.filter(isScore)) assert.ok(windowStart >= 4900, `${windowStart}`);
  });

  it('takes in those first that wait longest, says who is late, and comes round to all', async () => {
    const session = offlineSession(model, { intervalMs: 100 });
    const ids = ['a', 'b', 'c', 'd'];
    for (const streamId of ids) session.addStream({ streamId }, 0);
    const told: string[] = [];
    let late = 0;
    for (let ms = 0; ms < 8000; ms += 100) {
      for (const streamId of ids) session.pushPcm(streamId, woman.subarray(ms * perMs, (ms + 100) * perMs), ms);
      const events = (await session.tick(ms + 100, { maxWindows: 1 })).filter(isScore);
      assert.ok(events.length <= 1, `${events.length}`);
      told.push(...events.map(({ streamId }) => streamId));
      late = Math.max(late, session.toJSON().lateStreams);
    }
    assert.deepEqual(told.slice(0, 4).sort(), ids);
    assert.deepEqual(told.slice(4, 8).sort(), ids);
    assert.ok(late > 0 && late <= 4, `${late}`);
  });

  it('a stream that is muted, reset or removed while the network runs is not scored', async () => {
    for (const act of ['pause', 'reset', 'removeStream'] as const) {
      const session = offlineSession(model);
      await play(session, woman.subarray(0, 3.9 * perSecond));
      const embed = model.embed.bind(model);
      let acted = false;
      model.embed = (...input) => {
        model.embed = embed;
        const running = embed(...input);
        session[act]('a', 0);
        acted = true;
        return running;
      };
      for (let ms = 3900; !acted && ms < 6000; ms += 100) {
        session.pushPcm('a', woman.subarray(ms * perMs, (ms + 100) * perMs), ms);
        assert.deepEqual(scoresOf(await session.tick(ms + 100)), [], act);
      }
      assert.equal(acted, true);
    }
  });
});

describe('another model takes over', () => {
  it('from windowed to streaming and back: streams stay, events name it, windows begin anew', async () => {
    const session = offlineSession(windowed);
    const before = await play(session, woman.subarray(0, 5 * perSecond));
    assert.equal(before.at(-1)?.model.name, 'standin');
    assert.equal((await session.setModel(model)) === windowed, true);
    const streamed = await play(session, man, 5000);
    assert.deepEqual(story(streamed), ['too-short', 'score']);
    assert.deepEqual([...new Set(streamed.map(({ model: { name } }) => name))], ['random-streaming']);
    for (const { windowStart } of streamed.filter(isScore)) assert.ok(windowStart >= 4900, `${windowStart}`);
    assert.equal((await session.setModel(windowed)) === model, true);
    const after = await play(session, woman, 20_000);
    assert.equal(story(after).at(-1), 'score');
    assert.deepEqual([...new Set(after.map(({ model: { name } }) => name))], ['standin']);
    assert.deepEqual(
      [...before, ...streamed, ...after].map(({ sequence }) => sequence),
      [...before, ...streamed, ...after].map((_, index) => index),
    );
  });

  it('between windowed models of one window nothing is lost', async () => {
    const session = offlineSession(windowed);
    await play(session, woman.subarray(0, 5 * perSecond));
    await session.setModel(windowed);
    const [first] = await play(session, man, 5000);
    assert.equal(first?.type, 'score');
  });

  it('is refused when its window holds too little', async () => {
    const session = offlineSession(windowed, { minSpeechMs: 7680 });
    assert.throws(() => offlineSession(model, { minSpeechMs: 7690 }), /minSpeechMs must be at most 7680.*random/);
    await session.setModel(model);
    assert.deepEqual(session.model, { name: 'random-streaming', version: '0.0.1' });
  });
});
