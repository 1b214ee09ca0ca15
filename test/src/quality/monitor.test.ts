import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { QualityChange, StreamScore } from '../../../src/events.ts';
import { QualityMonitor } from '../../../src/quality/monitor.ts';
import { resolveThresholds, type ThresholdOptions } from '../../../src/quality/thresholds.ts';
import { score } from './score.ts';

/** A monitor that is given one score a second, and what it says with the second of each. */
function listen(options: ThresholdOptions = {}) {
  const monitor = new QualityMonitor(resolveThresholds(options));
  const told: [second: number, change: QualityChange][] = [];
  let second = 0;
  const note = (changes: QualityChange[]) =>
    told.push(...changes.map((change): [number, QualityChange] => [second, change]));
  return {
    monitor,
    told,
    scores(times: number, changes: Parameters<typeof score>[0] = {}) {
      for (let index = 0; index < times; index++, second++) note(monitor.score(score(changes), second * 1000));
    },
    noScore() {
      note(monitor.noScore(second * 1000));
      second++;
    },
    wait(seconds: number) {
      for (let index = 0; index < seconds; index++, second++) note(monitor.advance(second * 1000));
    },
    forget(reason?: 'unknown' | 'closed') {
      note(monitor.forget(reason));
    },
    /** Changes as short text. */
    get short() {
      return told.map(([at, change]) =>
        change.type === 'state' ? `${at} ${change.previous}>${change.state}` : `${at} ${change.type} ${change.name}`,
      );
    },
  };
}

describe('the state', () => {
  it('is known from the third score', () => {
    const { monitor, scores, ...heard } = listen();
    scores(2);
    assert.equal(monitor.state, 'unknown');
    scores(1);
    assert.deepEqual(heard.told, [[2, { type: 'state', state: 'good', previous: 'unknown' }]]);
  });

  it('follows the scores, the middles between the categories of P.800 being the borders', () => {
    for (const [mosLqo, state] of [
      [4.5, 'good'],
      [3.5, 'good'],
      [3.49, 'fair'],
      [2.5, 'fair'],
      [2.49, 'poor'],
      [1, 'poor'],
    ] as const) {
      const { monitor, scores } = listen();
      scores(3, { mosLqo });
      assert.equal(monitor.state, state, `${mosLqo}`);
    }
  });

  it('changes when 3 of 5 scores are beyond a border, and that lasts 5 s', () => {
    const heard = listen();
    heard.scores(10, { mosLqo: 4 });
    heard.scores(10, { mosLqo: 3 });
    heard.scores(10, { mosLqo: 2 });
    heard.scores(10, { mosLqo: 4 });
    const states = heard.short.filter((text) => text.includes('>'));
    assert.deepEqual(states, ['2 unknown>good', '17 good>fair', '27 fair>poor', '37 poor>good']);
  });

  it('does not change for a short dip, nor for scores that go to and fro', () => {
    const heard = listen();
    heard.scores(10);
    heard.scores(3, { mosLqo: 1.5 });
    heard.scores(10);
    for (let index = 0; index < 20; index++) heard.scores(1, { mosLqo: index % 3 === 0 ? 2 : 4 });
    assert.deepEqual(heard.short, ['2 unknown>good']);
  });

  it('is unknown after 10 s without a score, and then found again', () => {
    const heard = listen();
    heard.scores(5);
    heard.noScore();
    heard.wait(9);
    assert.equal(heard.monitor.state, 'good');
    heard.wait(1);
    heard.scores(3);
    assert.deepEqual(heard.short, ['2 unknown>good', '15 good>unknown', '18 unknown>good']);
  });

  it('is unknown 10 s after the first reason, whatever others follow', () => {
    const heard = listen();
    heard.scores(5);
    for (let index = 0; index < 11; index++) heard.noScore();
    assert.deepEqual(heard.short, ['2 unknown>good', '15 good>unknown']);
  });

  it('is found again without regard to what was before', () => {
    const heard = listen();
    heard.scores(5, { mosLqo: 3 });
    heard.noScore();
    heard.wait(10);
    heard.scores(3);
    assert.deepEqual(heard.short, ['2 unknown>fair', '15 fair>unknown', '18 unknown>good']);
  });

  it('outlasts the pauses of somebody who talks now and then', () => {
    const heard = listen();
    heard.scores(5);
    for (let index = 0; index < 10; index++) {
      heard.noScore();
      heard.wait(8);
      heard.scores(1);
    }
    assert.deepEqual(heard.short, ['2 unknown>good']);
  });

  it('is unknown late where nobody let the time pass meanwhile', () => {
    const heard = listen();
    heard.scores(5);
    heard.noScore();
    assert.deepEqual(heard.monitor.score(score(), 60_000), [{ type: 'state', state: 'unknown', previous: 'good' }]);
  });

  it('takes other borders, hysteresis and patience', () => {
    const heard = listen({
      states: { good: 4.5, fair: 4 },
      hysteresis: { needed: 1, outOf: 1, holdMs: 0 },
      unknownAfterMs: 0,
      warnings: { 'low-mos': false },
    });
    heard.scores(1, { mosLqo: 4.2 });
    heard.scores(1, { mosLqo: 3.9 });
    heard.noScore();
    assert.deepEqual(heard.short, ['0 unknown>fair', '1 fair>poor', '2 poor>unknown']);
  });
});

describe('a warning', () => {
  const causes = (given: StreamScore['causes']) => ({ causes: given });
  const signal = (levelDbov: number, bandwidthHz?: number) => ({
    signal: { levelDbov, ...(bandwidthHz === undefined ? {} : { bandwidthHz }) },
  });
  const cases: [
    name: string,
    wrong: Parameters<typeof score>[0],
    crossing: object,
    right: Parameters<typeof score>[0],
  ][] = [
    ['low-mos', { mosLqo: 2.4 }, { quantity: 'mosLqo', value: 2.4, threshold: 2.5 }, { mosLqo: 2.5 }],
    ['noise', causes({ noise: 0.5 }), { quantity: 'probability', value: 0.5, threshold: 0.5 }, causes({ noise: 0.49 })],
    [
      'reverberation',
      causes({ reverberation: 0.9 }),
      { quantity: 'probability', value: 0.9, threshold: 0.5 },
      causes({ reverberation: 0 }),
    ],
    ['loss', { lossRatio: 0.03 }, { quantity: 'lossRatio', value: 0.03, threshold: 0.03 }, { lossRatio: 0.02 }],
    ['loss', causes({ loss: 0.7 }), { quantity: 'probability', value: 0.7, threshold: 0.5 }, causes({ loss: 0.1 })],
    [
      'clipping',
      causes({ clipping: 1 }),
      { quantity: 'probability', value: 1, threshold: 0.5 },
      causes({ clipping: 0.2 }),
    ],
    ['band-limit', signal(-26, 4000), { quantity: 'bandwidthHz', value: 4000, threshold: 4000 }, signal(-26, 8000)],
    [
      'band-limit',
      causes({ 'band-limit': 0.8 }),
      { quantity: 'probability', value: 0.8, threshold: 0.5 },
      causes({ 'band-limit': 0.3 }),
    ],
    ['level', signal(-50), { quantity: 'levelDbov', value: -50, threshold: -46 }, signal(-46)],
    ['level', signal(-5), { quantity: 'levelDbov', value: -5, threshold: -10 }, signal(-10)],
  ];
  for (const [name, wrong, crossing, right] of cases) {
    it(`${name}: raised after 3 of 5 and 5 s, cleared the same way (${JSON.stringify(wrong)})`, () => {
      const heard = listen();
      heard.scores(10, right);
      heard.scores(10, wrong);
      heard.scores(10, right);
      const warnings = heard.told.filter(([, { type }]) => type !== 'state');
      assert.deepEqual(warnings, [
        [17, { type: 'warning', name, ...crossing }],
        [27, { type: 'warningcleared', name, since: 17_000, reason: 'recovered' }],
      ]);
    });

    it(`${name}: never raised when it is off (${JSON.stringify(wrong)})`, () => {
      const heard = listen({ warnings: { [name]: false } });
      heard.scores(20, wrong);
      assert.deepEqual(
        heard.told.filter(([, { type }]) => type !== 'state'),
        [],
      );
    });
  }

  it('takes another limit, or none for one of its quantities', () => {
    const heard = listen({ warnings: { loss: { lossRatio: 0.2, probability: false } } });
    heard.scores(20, { lossRatio: 0.19, ...causes({ loss: 1 }) });
    assert.deepEqual(heard.short, ['2 unknown>good']);
    heard.scores(10, { lossRatio: 0.2 });
    assert.deepEqual(heard.short.slice(1), ['27 warning loss']);
  });

  it('tells the value that was beyond the limit, also when the newest is not', () => {
    const heard = listen();
    for (let index = 0; index < 12; index++) heard.scores(1, { lossRatio: index % 3 === 2 ? 0 : index / 100 });
    const [, raised] = heard.told[1] as [number, { value: number }];
    assert.deepEqual(heard.short[1], '11 warning loss');
    assert.equal(raised.value, 0.1);
  });

  it('is neither raised nor cleared by scores that do not tell', () => {
    const heard = listen();
    heard.scores(10, causes({ noise: 0.9 }));
    heard.scores(20);
    heard.scores(1, causes({ noise: 0.9 }));
    assert.deepEqual(heard.short, ['2 unknown>good', '7 warning noise']);

    const other = listen();
    other.scores(2, causes({ noise: 0.9 }));
    other.scores(20);
    assert.deepEqual(other.short, ['2 unknown>good']);
  });

  it('is cleared as unknown when there is no score for long, and as closed at the end', () => {
    const heard = listen();
    heard.scores(10, { lossRatio: 0.1 });
    heard.noScore();
    heard.wait(10);
    heard.scores(10, { lossRatio: 0.1 });
    heard.forget('closed');
    const cleared = heard.told.flatMap(([, change]) => (change.type === 'warningcleared' ? change.reason : []));
    assert.deepEqual(cleared, ['unknown', 'closed']);
    const raised = heard.short.filter((text) => text.endsWith(' warning loss'));
    assert.deepEqual(raised, ['7 warning loss', '28 warning loss'], 'again only after 3 scores and 5 s');
    assert.equal(heard.monitor.state, 'unknown');
  });

  it('of each kind is told on its own', () => {
    const heard = listen();
    heard.scores(10, {
      mosLqo: 1.5,
      lossRatio: 0.2,
      ...causes({ noise: 1, reverberation: 1, clipping: 1 }),
      ...signal(-60, 4000),
    });
    const names = heard.told.flatMap(([, change]) => (change.type === 'warning' ? change.name : []));
    assert.deepEqual(names, ['low-mos', 'noise', 'reverberation', 'loss', 'clipping', 'band-limit', 'level']);
  });
});
