import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PollRow } from '../../src/engine/poll-row.ts';
import type { NoScoreReason } from '../../src/events.ts';
import type { Window } from '../../src/scoring/inference.ts';
import { Gate } from '../../src/scoring/score-policy.ts';

const minFrames = 100;
/** A stream that talks and could be scored, seen at `nowMs`. */
const good = (nowMs: number, changes: Partial<PollRow> = {}): PollRow => ({
  handle: 1,
  talkFrames: 400,
  ringFrames: 400,
  activeFrames: 350,
  lostFrames: 0,
  overloadFrames: 0,
  lastPacketMs: nowMs - 20,
  lastTalkMs: nowMs - 70,
  backgroundDbov: -80,
  talking: 1,
  undecodable: 0,
  unknownPayloadType: -1,
  restarts: 0,
  packetsExpected: 200,
  packetsLost: 0,
  lossBursts: 0,
  jitterMs: 1,
  packetsOverload: 0,
  overrunFrames: 0,
  ...changes,
});
/** What a windowed model has of it. */
const windowOf = (row: PollRow, changes: Partial<Window> = {}): Window => ({
  frames: row.ringFrames,
  lostFrames: row.lostFrames,
  overloadFrames: row.overloadFrames,
  overrunFrames: 0,
  enough: row.ringFrames >= minFrames,
  speechMs: row.activeFrames * 10,
  speechless: false,
  talkFrames: row.talkFrames,
  ...changes,
});

const start = 1_000_000;
const reasonAt = (gate: Gate, nowMs: number, changes: Partial<PollRow> = {}, window: Partial<Window> = {}) => {
  const row = good(nowMs, changes);
  const verdict = gate.evaluate(row, windowOf(row, window), nowMs);
  return verdict.kind === 'noscore' ? verdict.reason : verdict.kind;
};

describe('the gate: one reason at a time', () => {
  const later = start + 60_000;
  const quiet = { lastTalkMs: later - 5000, talking: 0 };
  const cases: [name: string, changes: Partial<PollRow>, expected: NoScoreReason | 'due'][] = [
    ['somebody speaks', {}, 'due'],
    ['encrypted payload', { undecodable: 1 }, 'undecodable'],
    ['packets dropped in this host, inside the window', { overloadFrames: 1 }, 'overload'],
    ['packets being dropped in this host', { packetsOverload: 3 }, 'overload'],
    ['quiet, background below -60 dBov', { ...quiet, backgroundDbov: -61 }, 'silence'],
    ['quiet, background from -60 dBov on', { ...quiet, backgroundDbov: -60 }, 'no-speech'],
    ['no packet for 2 s', { ...quiet, lastPacketMs: later - 2000 }, 'gap'],
    ['a packet every 400 ms', { ...quiet, lastPacketMs: later - 400 }, 'silence'],
    ['more than half of the window lost', { lostFrames: 201 }, 'gap'],
    ['half of the window lost', { lostFrames: 200 }, 'due'],
    ['not yet 1.5 s of speech', { activeFrames: 149 }, 'too-short'],
    ['1.5 s of speech', { activeFrames: 150 }, 'due'],
    ['fewer frames than the model takes', { ringFrames: 99, activeFrames: 99, lostFrames: 99 }, 'too-short'],
    ['talk ended 1.9 s ago', { lastTalkMs: later - 1900, talking: 0 }, 'due'],
    ['quiet, with old drops in the window', { ...quiet, overloadFrames: 5 }, 'silence'],
  ];
  for (const [name, changes, expected] of cases) {
    it(`${name}: ${expected}`, () => assert.equal(reasonAt(new Gate(start, false), later, changes), expected));
  }

  it('a codec that is not decoded: unsupported-codec', () =>
    assert.equal(reasonAt(new Gate(start, true), later), 'unsupported-codec'));

  it('unknown payload types count when they go on for 0.5 s', () => {
    const gate = new Gate(start, false);
    assert.equal(reasonAt(gate, later, { unknownPayloadType: 96 }), 'due');
    assert.equal(reasonAt(gate, later + 400, { unknownPayloadType: 96 }), 'due');
    assert.equal(reasonAt(gate, later + 500, { unknownPayloadType: 96 }), 'unsupported-codec');
    assert.equal(reasonAt(gate, later + 600), 'due');
    assert.equal(reasonAt(gate, later + 1100, { unknownPayloadType: 96 }), 'due');
  });

  it('a stream that never sends is no-packets, and gap once packets came and ceased', () => {
    const gate = new Gate(start, false);
    const nothing = { lastPacketMs: 0, lastTalkMs: 0, talkFrames: 0, ringFrames: 0, activeFrames: 0, talking: 0 };
    assert.equal(reasonAt(gate, start, nothing), 'no-packets');
    assert.equal(reasonAt(gate, start + 60_000, nothing), 'wait');
    const few = { ...nothing, lastPacketMs: start + 60_000, lastTalkMs: start + 60_000 };
    assert.equal(reasonAt(gate, start + 60_010, few), 'too-short');
    assert.equal(reasonAt(gate, start + 62_000, few), 'gap');
  });

  it('says since when', () => {
    const gate = new Gate(start, false);
    const row = good(later, { ...quiet, backgroundDbov: -90 });
    const verdict = gate.evaluate(row, windowOf(row), later);
    assert.deepEqual(verdict, { kind: 'noscore', reason: 'silence', since: later - 5000 });
  });
});

describe('the gate: priority', () => {
  // Everything is wrong at once; taking away the first reason shows the next.
  const later = start + 60_000;
  const worst: Partial<PollRow> = {
    unknownPayloadType: 96,
    undecodable: 1,
    packetsOverload: 1,
    restarts: 1,
    lastPacketMs: 0,
    lastTalkMs: later - 5000,
    lostFrames: 400,
    activeFrames: 0,
  };
  const steps: [reason: NoScoreReason, gone: Partial<PollRow>][] = [
    ['unsupported-codec', { unknownPayloadType: -1 }],
    ['undecodable', { undecodable: 0 }],
    ['overload', { packetsOverload: 0 }],
    ['ssrc-changed', { restarts: 0 }],
    ['no-packets', { lastPacketMs: later - 20 }],
    ['silence', { lastTalkMs: later }],
    ['gap', { lostFrames: 0 }],
    ['too-short', {}],
  ];
  let row = worst;
  for (const [reason, gone] of steps) {
    const changes = row;
    it(reason, () => {
      const gate = new Gate(start, false, { unknownPayloadMs: 0 });
      // A new sender is given time to speak: it is only quiet once that is over.
      const lasting = new Gate(start, false, { unknownPayloadMs: 0, newSenderMs: 10_000 });
      assert.equal(reasonAt(reason === 'ssrc-changed' ? lasting : gate, later, changes), reason);
    });
    row = { ...row, ...gone };
  }
  it('muted is before all of them', () => {
    const gate = new Gate(start, true);
    gate.pause(start + 10);
    assert.equal(reasonAt(gate, later, worst), 'muted');
  });
});

describe('the gate: in the course of time', () => {
  it('tells a reason once, and again after a score', () => {
    const gate = new Gate(start, false);
    assert.equal(reasonAt(gate, start + 100, { activeFrames: 10 }), 'too-short');
    assert.equal(reasonAt(gate, start + 200, { activeFrames: 20 }), 'wait');
    assert.equal(reasonAt(gate, start + 300), 'due');
    gate.scored(400);
    assert.equal(reasonAt(gate, start + 400, { activeFrames: 20 }), 'too-short');
  });

  it('is due once a second of talk, not of the wall clock', () => {
    const gate = new Gate(start, false);
    assert.equal(reasonAt(gate, start), 'due');
    gate.scored(400);
    assert.equal(reasonAt(gate, start + 5000, { talkFrames: 499, lastTalkMs: start + 4000 }), 'wait');
    assert.equal(reasonAt(gate, start + 5010, { talkFrames: 500 }), 'due');
  });

  it('stays due until it is scored', () => {
    const gate = new Gate(start, false);
    assert.equal(reasonAt(gate, start), 'due');
    assert.equal(reasonAt(gate, start + 100), 'due');
    assert.equal(gate.unscoredMs(400), Number.POSITIVE_INFINITY);
    gate.scored(400);
    assert.equal(gate.unscoredMs(650), 2500);
    assert.equal(gate.dueInMs(430), 700);
  });

  it('goes back from silence to scores without a word in between', () => {
    const gate = new Gate(start, false);
    gate.scored(400);
    assert.equal(reasonAt(gate, start + 9000, { lastTalkMs: start + 100 }), 'silence');
    assert.equal(reasonAt(gate, start + 9500, { talkFrames: 450 }), 'wait');
    assert.equal(reasonAt(gate, start + 10_000, { talkFrames: 500 }), 'due');
  });

  it('does not waver between silence and no-speech when the background is near the level', () => {
    const gate = new Gate(start, false);
    const quietAt = (ms: number, backgroundDbov: number) =>
      reasonAt(gate, start + ms, { lastTalkMs: 0, backgroundDbov });
    assert.equal(quietAt(3000, -60.1), 'silence');
    assert.equal(quietAt(3100, -59.9), 'wait');
    assert.equal(quietAt(3200, -57.1), 'wait');
    assert.equal(quietAt(3300, -57), 'no-speech');
    assert.equal(quietAt(3400, -62.9), 'wait');
    assert.equal(quietAt(3500, -63.1), 'silence');
  });

  it('says no-speech when the model hears none, once', () => {
    const gate = new Gate(start, false);
    assert.equal(reasonAt(gate, start), 'due');
    assert.equal(gate.refuse('no-speech', 400), true);
    assert.equal(reasonAt(gate, start + 100), 'wait');
    assert.equal(reasonAt(gate, start + 1000, { talkFrames: 500 }), 'due');
    assert.equal(gate.refuse('no-speech', 500), false);
  });

  it('says what the model hears in the window', () => {
    const gate = new Gate(start, false);
    assert.equal(reasonAt(gate, start, {}, { speechless: true, speechMs: 0 }), 'no-speech');
    assert.equal(reasonAt(gate, start + 100, { talkFrames: 500 }, { speechMs: 1480 }), 'too-short');
    assert.equal(reasonAt(gate, start + 200, { talkFrames: 600 }, { speechMs: 1500 }), 'due');
  });

  it('too little talk for the model is too-short, speech or not', () => {
    const gate = new Gate(start, false);
    assert.equal(reasonAt(gate, start, {}, { enough: false, speechless: true }), 'too-short');
  });

  it('frames that were overwritten before the model heard them are overload for 2 s', () => {
    const gate = new Gate(start, false);
    assert.equal(reasonAt(gate, start, {}, { overrunFrames: 7 }), 'overload');
    assert.equal(reasonAt(gate, start + 1900, {}, { overrunFrames: 7 }), 'wait');
    assert.equal(reasonAt(gate, start + 2000, {}, { overrunFrames: 7 }), 'due');
  });

  it('a restart of the sender is ssrc-changed for 2 s, then what it is', () => {
    const gate = new Gate(start, false);
    gate.scored(400);
    assert.equal(reasonAt(gate, start + 10, { restarts: 1, activeFrames: 0, ringFrames: 0 }), 'ssrc-changed');
    assert.equal(reasonAt(gate, start + 1900, { restarts: 1, activeFrames: 50, ringFrames: 60 }), 'wait');
    assert.equal(reasonAt(gate, start + 2010, { restarts: 1, activeFrames: 70, ringFrames: 80 }), 'too-short');
    assert.equal(reasonAt(gate, start + 5000, { restarts: 1 }), 'due');
  });

  it('another source is ssrc-changed too', () => {
    const gate = new Gate(start, false);
    gate.changeSender(start);
    assert.equal(reasonAt(gate, start, { ringFrames: 0, activeFrames: 0 }), 'ssrc-changed');
  });
});

describe('the gate: muting', () => {
  it('says muted at the next look, whatever else there is', () => {
    const gate = new Gate(start, false);
    gate.scored(400);
    gate.pause(start + 100);
    assert.equal(reasonAt(gate, start + 150, { talkFrames: 900 }), 'muted');
    assert.equal(reasonAt(gate, start + 60_000, { lastPacketMs: start }), 'wait');
  });

  it('keeps the talk from before, and asks for a second of new talk before it scores', () => {
    const gate = new Gate(start, false);
    gate.scored(400);
    gate.pause(start + 100);
    assert.equal(reasonAt(gate, start + 150, { talkFrames: 410 }), 'muted');
    assert.equal(reasonAt(gate, start + 1000, { talkFrames: 415 }), 'wait');
    assert.equal(gate.resume(start + 5000), false);
    assert.equal(reasonAt(gate, start + 5010, { talkFrames: 415, lastTalkMs: start + 90 }), 'too-short');
    assert.equal(reasonAt(gate, start + 6000, { talkFrames: 514 }), 'wait');
    assert.equal(reasonAt(gate, start + 6100, { talkFrames: 515 }), 'due');
  });

  it('does not score what was left over from before', () => {
    for (const scoredFrames of [undefined, 400]) {
      const gate = new Gate(start, false);
      if (scoredFrames !== undefined) gate.scored(scoredFrames);
      gate.pause(start + 990);
      assert.equal(reasonAt(gate, start + 1000, { talkFrames: 499 }), 'muted');
      assert.equal(reasonAt(gate, start + 1100, { talkFrames: 510 }), 'wait');
      gate.resume(start + 5000);
      assert.equal(reasonAt(gate, start + 5010, { talkFrames: 510 }), 'too-short');
      assert.equal(reasonAt(gate, start + 6100, { talkFrames: 610 }), 'due');
    }
  });

  it('is not silent from the first moment after a long mute', () => {
    const gate = new Gate(start, false);
    gate.scored(400);
    gate.pause(start);
    assert.equal(reasonAt(gate, start + 10), 'muted');
    gate.resume(start + 30_000);
    const before = { lastTalkMs: start - 50, lastPacketMs: start - 20 };
    assert.equal(reasonAt(gate, start + 30_010, before), 'too-short');
    assert.equal(reasonAt(gate, start + 31_990, before), 'wait');
    assert.equal(reasonAt(gate, start + 32_000, before), 'gap');
  });

  it('asks for a new window when frames came in while muted', () => {
    const gate = new Gate(start, false);
    gate.pause(start);
    reasonAt(gate, start + 400, { talkFrames: 420 });
    reasonAt(gate, start + 600, { talkFrames: 425 });
    reasonAt(gate, start + 1600, { talkFrames: 500 });
    assert.equal(gate.resume(start + 2000), true);
  });

  it('lets packets that were on the way come in', () => {
    const gate = new Gate(start, false);
    gate.pause(start);
    reasonAt(gate, start + 100, { talkFrames: 410 });
    reasonAt(gate, start + 500, { talkFrames: 420 });
    reasonAt(gate, start + 1600, { talkFrames: 420 });
    assert.equal(gate.resume(start + 2000), false);
  });

  it('begins muted when it is paused before the first look', () => {
    const gate = new Gate(start, false);
    gate.pause(start);
    assert.equal(reasonAt(gate, start), 'muted');
  });
});
