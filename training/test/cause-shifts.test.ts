import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { causes } from '../../src/event-words.ts';
import { causeShift } from '../src/commands/options.ts';
import { withCauseShifts } from '../src/export/cause-shifts.ts';

describe('shifts of causes', () => {
  const bias = Float32Array.from(causes, (_, index) => index);
  const weights = new Map([
    ['causes.bias', bias],
    ['mos.bias', Float32Array.of(3)],
  ]);

  it('add to the log-odds of the causes that are named, and to nothing else', () => {
    const shifted = withCauseShifts(weights, { clipping: 1.5 });
    const at = causes.indexOf('clipping');
    assert.deepEqual(
      [...(shifted.get('causes.bias') as Float32Array)],
      [...bias].map((value, index) => (index === at ? value + 1.5 : value)),
    );
    assert.deepEqual(shifted.get('mos.bias'), weights.get('mos.bias'));
    assert.equal(bias[at], at);
  });

  it('leave a network without causes as it is', () => {
    const none = new Map([['mos.bias', Float32Array.of(3)]]);
    assert.equal(withCauseShifts(none, { clipping: 1 }), none);
  });

  it('are read from cause=number, and named where they are wrong', () => {
    assert.deepEqual(causeShift('band-limit=-0.5'), { 'band-limit': -0.5 });
    for (const text of ['', 'clipping', 'clipping=', 'clipping=x', 'clipping=11', 'wind=1']) {
      assert.throws(() => causeShift(text), new RegExp(`got '${text}'`));
    }
  });
});
