import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type MosEvent, mosEvent, producerSnapshot } from '../../plugin/feeds/events.ts';
import { ProducerVoice } from '../../plugin/feeds/producer-state.ts';
import { resolveThresholds } from '../../src/quality/thresholds.ts';
import { noScore, score } from '../src/quality/score.ts';

/** A voice, and all that it said so far. */
function create(onEvent: (event: MosEvent) => void = () => {}) {
  const said: MosEvent[] = [];
  const origin = { producerId: 'p', routerId: 'r', participantId: 'ada' };
  const voice = new ProducerVoice(
    { thresholds: resolveThresholds(), startMs: 0 },
    () => origin,
    (event) => {
      assert.deepEqual(mosEvent.parse(event), event);
      said.push(event);
      onEvent(event);
    },
  );
  const types = () => said.map((event) => ('name' in event ? `${event.type} ${event.name}` : event.type));
  return { voice, said, types };
}

/** A score a second of a lossy talker, from this second on. */
function lose(voice: ProducerVoice, fromSecond: number, seconds: number): void {
  for (let second = fromSecond; second < fromSecond + seconds; second++) {
    voice.hear(score({ lossRatio: 0.2 }), second * 1000);
  }
}

describe('the voice of a producer', () => {
  it('numbers all that it says without gaps, and says when', () => {
    const { voice, said } = create();
    voice.hear(noScore('too-short'), 0);
    lose(voice, 3, 10);
    voice.end(20_000);
    assert.deepEqual(
      said.map(({ sequence }) => sequence),
      said.map((_, index) => index),
    );
    assert.deepEqual([said.at(0)?.time, said.at(1)?.time, said.at(-1)?.time], [0, 3000, 20_000]);
  });

  it('says a score before the changes that it makes', () => {
    const { voice, types } = create();
    lose(voice, 0, 8);
    assert.deepEqual(types(), [
      ...'score '.repeat(3).trim().split(' '),
      'state',
      ...'score '.repeat(5).trim().split(' '),
      'warning loss',
    ]);
  });

  it('knows at every time all that holds', () => {
    const { voice, said } = create();
    assert.deepEqual(voice.snapshot.warnings, []);
    assert.equal(voice.snapshot.state, 'unknown');
    lose(voice, 0, 8);
    const { snapshot } = voice;
    assert.deepEqual(producerSnapshot.parse(snapshot), snapshot);
    assert.equal(snapshot.nextSequence, said.length);
    assert.equal(snapshot.state, 'good');
    assert.deepEqual(snapshot.warnings, [said.at(-1)]);
    assert.deepEqual(snapshot.status, said.at(-2));
  });

  it('becomes unknown as time goes by without a score', () => {
    const { voice, types } = create();
    lose(voice, 0, 8);
    voice.hear(noScore(), 8000);
    voice.advance(17_999);
    const before = types().length;
    voice.advance(18_000);
    assert.deepEqual(types().slice(before), ['state', 'warningcleared loss']);
    assert.deepEqual(voice.snapshot.warnings, []);
  });

  it('is unknown at once when it is not listened to, and says nothing more', () => {
    const { voice, types } = create();
    lose(voice, 0, 8);
    voice.pause(9000);
    assert.equal(voice.status, undefined);
    assert.deepEqual(types().slice(-2), ['state', 'warningcleared loss']);
    const before = types().length;
    voice.pause(10_000);
    voice.advance(100_000);
    assert.equal(types().length, before);
  });

  it('does not count the time while it is not listened to', () => {
    const { voice } = create();
    voice.hear(noScore('silence'), 1000);
    voice.pause(3000);
    voice.hear(noScore('silence'), 50_000);
    assert.deepEqual(voice.report(51_000).noScoreMs, { silence: 3000 });
  });

  it('ends with what is cleared, its report and close', () => {
    const { voice, said, types } = create();
    lose(voice, 0, 8);
    voice.end(9000);
    assert.deepEqual(types().slice(-4), ['state', 'warningcleared loss', 'report', 'producerclose']);
    const cleared = said.at(-3);
    assert.ok(cleared?.type === 'warningcleared' && cleared.reason === 'closed');
    const report = said.at(-2);
    assert.ok(report?.type === 'report');
    assert.deepEqual(report.warnings, [{ name: 'loss', count: 1, totalMs: 2000, open: false }]);
    assert.equal(report.final, true);
    assert.equal(report.scores, 8);
  });

  it('reports on demand without taking a number', () => {
    const { voice, said } = create();
    lose(voice, 0, 8);
    const report = voice.report(9000);
    assert.deepEqual(mosEvent.parse(report), report);
    assert.equal(report.sequence, said.length);
    assert.equal(report.final, false);
    assert.deepEqual(report.warnings, [{ name: 'loss', count: 1, totalMs: 2000, open: true }]);
    voice.hear(score(), 9000);
    assert.equal(said.at(-1)?.sequence, report.sequence);
  });

  it('says everything, in order, when a listener ends it', () => {
    const { voice, said, types } = create((event) => {
      if (event.type === 'score' && event.sequence === 2) voice.end(3000);
    });
    lose(voice, 0, 3);
    assert.deepEqual(types(), ['score', 'score', 'score', 'state', 'state', 'report', 'producerclose']);
    assert.deepEqual(
      said.map(({ sequence }) => sequence),
      [0, 1, 2, 3, 4, 5, 6],
    );
  });
});
