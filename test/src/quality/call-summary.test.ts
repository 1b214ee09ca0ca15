import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as z from 'zod';
import { type CallReport, reportFields } from '../../../src/events.ts';
import { CallSummary } from '../../../src/quality/call-summary.ts';
import { noScore, score } from './score.ts';

const schema = z.object(reportFields);
const checked = (report: CallReport): CallReport => {
  assert.deepEqual(schema.parse(report), report);
  return report;
};

describe('the summary of a call', () => {
  it('of which nothing was heard says so', () => {
    const { method, ...report } = checked(new CallSummary(1000).report(5000, true));
    assert.match(method, /P\.1203\.3/);
    assert.deepEqual(report, {
      final: true,
      start: 1000,
      end: 5000,
      scores: 0,
      stateShares: { good: 0, fair: 0, poor: 0, unknown: 0 },
      noScoreMs: {},
      warnings: [],
      models: [],
    });
  });

  it('sums up scores: pooled, mean and lowest', () => {
    const summary = new CallSummary(0);
    for (const mosLqo of [4, 4, 1.6, 4, 4]) summary.score(score({ mosLqo }), 'good', 0);
    const { scores, mosLqo = 0, meanMosLqo = 0, lowestMosLqo } = checked(summary.report(5000, true));
    assert.equal(scores, 5);
    assert.equal(lowestMosLqo, 1.6);
    assert.ok(Math.abs(meanMosLqo - 3.52) < 1e-9);
    assert.ok(mosLqo < 3.52, `${mosLqo}`);
  });

  it('tells the share of scored talk in each state', () => {
    const summary = new CallSummary(0);
    summary.score(score(), 'unknown', 0);
    for (let index = 0; index < 5; index++) summary.score(score(), 'good', 0);
    summary.score(score(), 'fair', 0);
    summary.score(score(), 'poor', 0);
    const { stateShares } = checked(summary.report(0, true));
    assert.deepEqual(stateShares, { unknown: 1 / 8, good: 5 / 8, fair: 1 / 8, poor: 1 / 8 });
  });

  it('tells how long there was no score, by reason', () => {
    const summary = new CallSummary(0);
    summary.noScore(noScore('too-short'), 1000);
    summary.score(score(), 'unknown', 4000);
    summary.noScore(noScore('silence'), 6000);
    summary.noScore(noScore('muted'), 9000);
    summary.pause(10_000);
    summary.noScore(noScore('silence'), 20_000);
    assert.deepEqual(checked(summary.report(20_500, false)).noScoreMs, {
      'too-short': 3000,
      silence: 3500,
      muted: 1000,
    });
    assert.deepEqual(checked(summary.report(22_000, true)).noScoreMs, {
      'too-short': 3000,
      silence: 5000,
      muted: 1000,
    });
  });

  it('tells the warnings, and for how long each was open', () => {
    const crossing = { quantity: 'lossRatio', value: 0.1, threshold: 0.03 } as const;
    const summary = new CallSummary(0);
    summary.change({ type: 'warning', name: 'loss', ...crossing }, 1000);
    summary.change({ type: 'warningcleared', name: 'loss', since: 1000, reason: 'recovered' }, 4000);
    summary.change({ type: 'warning', name: 'loss', ...crossing }, 10_000);
    summary.change({ type: 'warning', name: 'noise', ...crossing }, 2000);
    summary.change({ type: 'warningcleared', name: 'noise', since: 2000, reason: 'unknown' }, 3000);
    summary.change({ type: 'state', state: 'poor', previous: 'good' }, 11_000);
    const { warnings } = checked(summary.report(12_000, false));
    assert.deepEqual(warnings, [
      { name: 'loss', count: 2, totalMs: 5000, open: true },
      { name: 'noise', count: 1, totalMs: 1000, open: false },
    ]);
  });

  it('names every model that scored', () => {
    const summary = new CallSummary(0);
    const [one, two] = [
      { name: 'small', version: '1.0.0' },
      { name: 'small', version: '2.0.0' },
    ];
    for (const model of [one, one, two]) summary.score(score({ model }), 'good', 0);
    assert.deepEqual(checked(summary.report(0, true)).models, [
      { ...one, scores: 2 },
      { ...two, scores: 1 },
    ]);
  });

  it('sums up the network', () => {
    const summary = new CallSummary(0);
    for (const lossRatio of [0, 0.2, 0.1]) summary.score(score({ lossRatio }), 'good', 0);
    summary.noScore(noScore('gap'), 0);
    const { network } = checked(summary.report(0, true));
    assert.ok(Math.abs((network?.lossRatio ?? 0) - 0.075) < 1e-9);
    assert.equal(network?.worstLossRatio, 0.2);
    assert.equal(network?.jitterMs, 2);
    assert.equal(network?.worstMosCqe, 4.4);
  });

  it('does not change what it said', () => {
    const summary = new CallSummary(0);
    summary.score(score(), 'good', 0);
    const before = summary.report(0, false);
    const copy = structuredClone(before);
    summary.score(score({ mosLqo: 1 }), 'poor', 1000);
    assert.deepEqual(before, copy);
  });
});
