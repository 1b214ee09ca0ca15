import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type HeadlineRow, headlineOf } from '../../plugin/dashboard/headline.ts';
import { stateBands } from '../../plugin/dashboard/state-bands.ts';
import { defaultThresholds } from '../../src/quality/thresholds.ts';

const row = (state: HeadlineRow['state'], ...troubles: string[]): HeadlineRow => ({ state, troubles });

describe('the headline of the dashboard', () => {
  it('counts those that are poor, with their troubles, the most frequent first', () => {
    const rows = [row('good', 'codec'), row('poor', 'loss', 'noise'), row('poor', 'noise'), row('fair', 'clipping')];
    assert.deepEqual(headlineOf(rows), { state: 'poor', text: '2 of 4 poor: noise, loss' });
  });

  it('names three troubles at most, and none where none is known', () => {
    assert.equal(headlineOf([row('poor', 'a', 'b', 'c', 'd')]).text, '1 of 1 poor: a, b, c');
    assert.equal(headlineOf([row('poor')]).text, '1 of 1 poor');
  });

  it('counts those that are fair where none is poor', () => {
    assert.deepEqual(headlineOf([row('fair', 'noise'), row('good')]), { state: 'fair', text: '1 of 2 fair: noise' });
  });

  it('is good where nobody is in trouble', () => {
    assert.deepEqual(headlineOf([row('good'), row('good')]), { state: 'good', text: 'All 2 good' });
    assert.deepEqual(headlineOf([row('good'), row('unknown')]), { state: 'good', text: '1 of 2 good' });
  });

  it('is unknown before the first score, and empty without participants', () => {
    assert.deepEqual(headlineOf([row('unknown')]), { state: 'unknown', text: 'No score of 1 yet' });
    assert.deepEqual(headlineOf([]), { state: 'unknown', text: '' });
  });
});

describe('the bands behind a curve', () => {
  it('are the default thresholds of the states', () => {
    const { good, fair } = defaultThresholds.states;
    assert.deepEqual(stateBands, { good, fair, poor: 1 });
  });
});
