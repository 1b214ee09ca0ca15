import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { loadNative } from '../../src/engine/load.ts';
import type { StreamEvent } from '../../src/events.ts';
import { loadModel } from '../../src/model/load.ts';
import type { Model } from '../../src/model/model.ts';
import { isolate } from '../../src/scoring/isolate.ts';
import { Quarantine } from '../../src/scoring/quarantine.ts';
import { ScoringSession } from '../../src/scoring/session.ts';
import { readClip } from '../support/clips.ts';
import { deferredStreaming, deferredWindowed } from '../support/deferred-model.ts';
import { randomModel, windowedModel } from '../support/models.ts';
import { PoisonedEngine } from '../support/poisoned-engine.ts';
import { offlineEngine, offlineSession, scoresOf, story } from '../support/recorded-call.ts';

const speech = readClip('speech/woman-1');
const perMs = 16;
const names = ['a', 'b', 'culprit', 'c', 'd'];

let models: Record<'streaming' | 'windowed', Model>;
/** The same that refuse what is no number. */
let refusing: Record<'streaming' | 'windowed', Model>;
before(async () => {
  const { features } = loadNative();
  const streaming = await loadModel(randomModel, features);
  const windowed = await loadModel(windowedModel, features);
  assert.ok(streaming.form === 'streaming' && windowed.form === 'windowed');
  models = { streaming, windowed };
  refusing = { streaming: deferredStreaming(streaming, () => {}), windowed: deferredWindowed(windowed, () => {}) };
});

/** A session of `names`, and what failed in it. */
function call(model: Model) {
  const source = new PoisonedEngine(offlineEngine(model));
  const faults: string[] = [];
  const session = new ScoringSession({
    engine: source.engine,
    model,
    onFault: ({ streamId }) => faults.push(streamId),
  });
  let culprit = 0;
  for (const streamId of names) {
    session.addStream({ streamId }, 0);
    if (streamId === 'culprit') culprit = source.handle;
  }
  const play = async (fromMs: number, toMs: number): Promise<StreamEvent[]> => {
    const events: StreamEvent[] = [];
    for (let ms = fromMs; ms < toMs; ms += 100) {
      const at = (ms % 10_000) * perMs;
      for (const name of names) session.pushPcm(name, speech.subarray(at, at + 100 * perMs), ms);
      events.push(...(await session.tick(ms + 100)));
    }
    return events;
  };
  return { session, source, faults, culprit, play };
}

const of = (events: readonly StreamEvent[], name: string) => events.filter(({ streamId }) => streamId === name);

for (const form of ['streaming', 'windowed'] as const) {
  for (const [what, modelsOf] of [
    ['that a network refuses', () => refusing],
    ['of which a network makes no numbers', () => models],
  ] as const) {
    describe(`a stream ${what}, ${form} form`, () => {
      it('is failed, and tried again after 10 s; the others are scored as if it were not there', async () => {
        const model = modelsOf()[form];
        const good = await call(model).play(0, 8000);
        const { session, source, faults, culprit, play } = call(model);
        source.poisoned.add(culprit);
        const events = await play(0, 8000);
        for (const name of names.filter((each) => each !== 'culprit')) {
          const [got, expected] = [scoresOf(of(events, name)), scoresOf(of(good, name))];
          assert.equal(got.length, expected.length);
          for (const [index, mos] of got.entries()) assert.ok(Math.abs(mos - (expected[index] as number)) < 1e-4);
        }
        assert.deepEqual(story(of(events, 'culprit')), ['too-short', 'failed']);
        assert.deepEqual(faults, ['culprit']);
        assert.equal(session.toJSON().streamFaults, 1);
        source.poisoned.clear();
        const after = await play(8000, 20_000);
        assert.deepEqual(story(of(after, 'culprit')), ['too-short', 'score']);
        assert.deepEqual(
          of([...events, ...after], 'culprit').map(({ sequence }) => sequence),
          of([...events, ...after], 'culprit').map((_, index) => index),
        );
        session.close();
      });
    });
  }
}

describe('a fault outside the network', () => {
  it('is that of its stream too', async () => {
    const { source, culprit, play, faults } = call(refusing.streaming);
    const { streamStats } = source.engine;
    source.overrides.streamStats = (handle) => {
      if (handle === culprit) throw new Error('no statistics');
      return streamStats(handle);
    };
    const events = await play(0, 6000);
    // The statistics are read from the first look on.
    assert.deepEqual(story(of(events, 'culprit')), ['failed']);
    assert.deepEqual(story(of(events, 'd')), ['too-short', 'score']);
    assert.deepEqual(faults, ['culprit']);
  });

  it('is muted where the stream is, and may be removed', async () => {
    const { session, source, culprit, play } = call(refusing.streaming);
    source.poisoned.add(culprit);
    await play(0, 6000);
    session.pause('culprit', 6000);
    assert.deepEqual(story(of(await play(6000, 6200), 'culprit')), ['muted']);
    session.reset('culprit');
    session.resume('culprit', 6200);
    assert.deepEqual(story(of(await play(6200, 6400), 'culprit')), ['failed']);
    session.removeStream('culprit');
    assert.equal(session.has('culprit'), false);
    await session.tick(20_000);
  });

  it('rejects the tick where nobody asks for faults', async () => {
    const source = new PoisonedEngine(offlineEngine(refusing.windowed));
    const alone = new ScoringSession({ engine: source.engine, model: refusing.windowed });
    alone.addStream({ streamId: 'a' }, 0);
    source.poisoned.add(source.handle);
    alone.pushPcm('a', speech, 0);
    await assert.rejects(alone.tick(12_000), /poisoned/);
  });
});

describe('a session', () => {
  it('refuses a tick while one is under way, and ends well when it is closed meanwhile', async () => {
    for (const model of Object.values(refusing)) {
      const session = offlineSession(model);
      for (const streamId of names) {
        session.addStream({ streamId }, 0);
        session.pushPcm(streamId, speech, 0);
      }
      const ticking = session.tick(12_000);
      await assert.rejects(session.tick(12_000), { code: 'ERR_INVALID_STATE' });
      session.close();
      assert.deepEqual(scoresOf(await ticking), []);
    }
  });
});

describe('a quarantine', () => {
  it('lasts 10 s, then twice as long each time up to 5 min, and 10 s again after a score', () => {
    const quarantine = new Quarantine();
    const lasts = () => {
      quarantine.begin(1000);
      assert.equal(quarantine.active, true);
      let ms = 0;
      while (!quarantine.isOver(1000 + ms)) ms += 10_000;
      quarantine.end();
      assert.equal(quarantine.active || quarantine.isOver(1e9), false);
      return ms / 1000;
    };
    assert.deepEqual([1, 2, 3, 4, 5, 6, 7].map(lasts), [10, 20, 40, 80, 160, 300, 300]);
    quarantine.clear();
    assert.equal(lasts(), 10);
  });
});

describe('a batch that fails', () => {
  it('is run item by item, and costs nothing else', async () => {
    const ran: number[][] = [];
    const failed = await isolate([1, 2, 3], async (part) => {
      if (part.includes(2)) throw new Error('two');
      ran.push([...part]);
    });
    assert.deepEqual(ran, [[1], [3]]);
    assert.deepEqual(
      failed.map(({ item }) => item),
      [2],
    );
    assert.deepEqual(await isolate([], () => Promise.reject(new Error('never'))), []);
  });
});
