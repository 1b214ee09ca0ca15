import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { History } from '../../plugin/dashboard/history.ts';
import { placeTime } from '../../plugin/dashboard/history-clock.ts';
import { HistoryLog } from '../../plugin/dashboard/history-log.ts';
import type { MosStatusEvent } from '../../plugin/index.ts';
import { noScoreReasons } from '../../src/events.ts';

const span = { bucketMs: 1000, spanMs: 10_000 };
const scoreAt = (atMs: number, mosLqo = 4) => ({ atMs, mosLqo, lower: mosLqo - 0.5, upper: mosLqo + 0.5, mosCqe: 4.2 });

describe('the history of a producer', () => {
  it('is empty before anything was said', () => {
    assert.deepEqual(new History(span).parts(0, 1e6), []);
  });

  it('keeps scores to 0.02 MOS, in runs', () => {
    const history = new History(span);
    for (const [atMs, mosLqo] of [
      [1100, 4.21],
      [2100, 3.3],
      [4200, 1.05],
    ] as const) {
      history.addScore(scoreAt(atMs, mosLqo));
    }
    const [run, ...others] = history.parts(0, 10_000);
    assert.deepEqual(others, []);
    assert.ok(run?.type === 'scores');
    assert.deepEqual(
      run.points.map(({ atMs }) => atMs),
      [1500, 2500, 4500],
    );
    for (const [index, expected] of [4.21, 3.3, 1.05].entries()) {
      assert.ok(Math.abs((run.points[index]?.mosLqo ?? 0) - expected) < 0.02);
    }
    assert.ok(Math.abs((run.points[0]?.lower ?? 0) - 3.71) < 0.02);
    assert.ok(Math.abs((run.points[0]?.upper ?? 0) - 4.71) < 0.02);
    assert.ok(Math.abs((run.points[0]?.mosCqe ?? 0) - 4.2) < 0.02);
  });

  it('lets a reason last until the next score, and to the end where none comes', () => {
    const history = new History(span);
    history.addScore(scoreAt(1000));
    history.addNoScore(2000, 'silence');
    history.addScore(scoreAt(6000));
    history.addNoScore(7000, 'muted');
    assert.deepEqual(
      history.parts(0, 9500).map((part) => (part.type === 'scores' ? 'scores' : part)),
      [
        'scores',
        { type: 'noscore', fromMs: 2000, toMs: 6000, reason: 'silence' },
        'scores',
        { type: 'noscore', fromMs: 7000, toMs: 9500, reason: 'muted' },
      ],
    );
  });

  it('knows a reason that began long before what it remembers', () => {
    const history = new History(span);
    history.addNoScore(0, 'muted');
    assert.deepEqual(history.parts(3_600_000, 3_610_000), [
      { type: 'noscore', fromMs: 3_600_000, toMs: 3_610_000, reason: 'muted' },
    ]);
    history.addScore(scoreAt(3_609_000));
    const [first] = history.parts(3_600_000, 3_610_000);
    assert.deepEqual(first, { type: 'noscore', fromMs: 3_600_000, toMs: 3_609_000, reason: 'muted' });
  });

  it('forgets what is older than its span, also after a long silence', () => {
    const history = new History(span);
    history.addScore(scoreAt(1000));
    history.addScore(scoreAt(60_000));
    assert.equal(history.parts(0, 60_500).length, 1);
    assert.deepEqual(
      history.parts(0, 60_500).flatMap((part) => (part.type === 'scores' ? part.points.map(({ atMs }) => atMs) : [])),
      [60_500],
    );
  });

  it('counts what comes late as now', () => {
    const history = new History(span);
    history.addScore(scoreAt(5000, 4));
    history.addScore(scoreAt(3000, 2));
    const [run] = history.parts(0, 6000);
    assert.ok(run?.type === 'scores');
    assert.deepEqual(
      run.points.map(({ atMs, mosLqo }) => [atMs, Math.round(mosLqo)]),
      [[5500, 2]],
    );
  });

  it('is the same after packing and unpacking, whatever was said', () => {
    const said = fc.record({
      afterMs: fc.integer({ min: 0, max: 15_000 }),
      reason: fc.option(fc.constantFrom(...noScoreReasons)),
      mosLqo: fc.double({ min: 1, max: 5, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(said, { maxLength: 60 }), (everything) => {
        const history = new History(span);
        let nowMs = 1_700_000_000_000;
        for (const { afterMs, reason, mosLqo } of everything) {
          nowMs += afterMs;
          if (reason === null) history.addScore(scoreAt(nowMs, mosLqo));
          else history.addNoScore(nowMs, reason);
        }
        const expected = history.parts(nowMs - 5000, nowMs);
        const copy = new History(span);
        copy.unpack(history.pack(nowMs));
        assert.deepEqual(copy.parts(nowMs - 5000, nowMs), expected);
      }),
    );
  });

  it('refuses bytes that are no history', () => {
    assert.throws(() => new History(span).unpack({ firstBucket: 0, bytes: Uint8Array.of(200, 0, 0, 0, 0) }), {
      name: 'RangeError',
      message: /unknown kind 200/,
    });
  });
});

describe('the time of an event in a history', () => {
  const hourMs = 3_600_000;
  for (const [what, eventMs, expected] of [
    ['is its age', 9_000_000 - 5000, 1_000_000 - 5000],
    ['is now where its clock is ahead', 9_000_000 + 24 * hourMs, 1_000_000],
    ['is now where it is older than what is remembered', 9_000_000 - 2 * hourMs, 1_000_000],
  ] as const) {
    it(what, () => assert.equal(placeTime(eventMs, 9_000_000, 1_000_000), expected));
  }
});

describe('the log of many producers', () => {
  const hourMs = 3_600_000;
  const noScore = (producerId: string, time: number, routerId = 'r'): MosStatusEvent => ({
    type: 'noscore',
    producerId,
    routerId,
    participantId: `who-${producerId}`,
    sequence: 0,
    time,
    reason: 'silence',
    since: time,
    network: { lossRatio: 0, burstRatio: 1, jitterMs: 0, mosCqe: 4.4 },
    model: { name: 'm', version: '1.0.0' },
  });
  const idsIn = (log: HistoryLog, nowMs: number) =>
    log.read({ routerId: 'r' }, nowMs).producers.map(({ producerId }) => producerId);

  it('answers with what belongs to the subscription only', () => {
    const log = new HistoryLog(10);
    log.add(noScore('a', 0));
    log.add(noScore('b', 0, 'another'));
    assert.deepEqual(idsIn(log, 0), ['a']);
    assert.equal(log.read({ participantId: 'who-b' }, 0).producers.length, 1);
    assert.equal(log.read({ producerId: 'who-b' }, 0).producers.length, 0);
  });

  it('keeps those who left for an hour', () => {
    const log = new HistoryLog(10);
    log.add(noScore('a', 0));
    log.close('a', 1000);
    assert.equal(log.read({ routerId: 'r' }, hourMs).producers[0]?.closedAtMs, 1000);
    assert.deepEqual(idsIn(log, hourMs + 2000), []);
    assert.equal(log.size, 0);
  });

  it('never holds more than it may: who left makes way first, then who came first', () => {
    const log = new HistoryLog(2);
    log.add(noScore('a', 0));
    log.add(noScore('b', 0));
    log.close('b', 1);
    log.add(noScore('c', 2));
    assert.deepEqual(idsIn(log, 3), ['a', 'c']);
    log.add(noScore('d', 4));
    assert.deepEqual(idsIn(log, 5), ['c', 'd']);
  });
});
