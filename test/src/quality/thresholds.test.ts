import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defaultThresholds, resolveThresholds } from '../../../src/quality/thresholds.ts';

describe('thresholds', () => {
  it('are the default where nothing is given', () => {
    assert.deepEqual(resolveThresholds(), defaultThresholds);
    assert.deepEqual(
      resolveThresholds({ states: {}, warnings: { loss: {} }, unknownAfterMs: undefined }),
      defaultThresholds,
    );
  });

  it('take what is given, beside the defaults', () => {
    const { states, hysteresis, warnings } = resolveThresholds({
      states: { good: 4 },
      hysteresis: { holdMs: 0 },
      warnings: { loss: { lossRatio: 0.1 }, level: false, 'band-limit': { probability: false } },
    });
    assert.deepEqual(states, { good: 4, fair: 2.5 });
    assert.deepEqual(hysteresis, { needed: 3, outOf: 5, holdMs: 0 });
    assert.deepEqual(warnings.loss, { lossRatio: 0.1, probability: 0.5 });
    assert.equal(warnings.level, false);
    assert.deepEqual(warnings['band-limit'], { bandwidthHz: 4000, probability: false });
    assert.deepEqual(warnings.noise, defaultThresholds.warnings.noise);
  });

  const wrong: [what: string, options: object, message: RegExp][] = [
    ['no object', 5 as never, /thresholds must be an object, got 5/],
    ['an unknown key', { state: {} }, /unknown option 'state' in thresholds/],
    ['an unknown border', { states: { bad: 1 } }, /unknown option 'bad' in thresholds\.states/],
    ['a border outside the scale', { states: { fair: 0.5 } }, /thresholds\.states\.fair must be 1 to 5, got 0\.5/],
    ['good below fair', { states: { good: 2 } }, /thresholds\.states\.good must be 2\.5 to 5, got 2/],
    ['no number', { states: { good: '4' } }, /thresholds\.states\.good must be a finite number, got '4'/],
    [
      'half of the scores',
      { hysteresis: { needed: 2, outOf: 4 } },
      /thresholds\.hysteresis\.needed must be 3 to 4, got 2/,
    ],
    ['more than there are', { hysteresis: { needed: 6 } }, /thresholds\.hysteresis\.needed must be 3 to 5, got 6/],
    ['a negative time', { hysteresis: { holdMs: -1 } }, /thresholds\.hysteresis\.holdMs/],
    ['an endless time', { unknownAfterMs: Number.POSITIVE_INFINITY }, /thresholds\.unknownAfterMs/],
    ['an unknown warning', { warnings: { echo: false } }, /unknown option 'echo' in thresholds\.warnings/],
    ['an unknown quantity', { warnings: { noise: { mos: 3 } } }, /unknown option 'mos' in thresholds\.warnings\.noise/],
    [
      'a probability beyond 1',
      { warnings: { noise: { probability: 50 } } },
      /thresholds\.warnings\.noise\.probability must be 0 to 1, got 50/,
    ],
    ['true', { warnings: { noise: true } }, /thresholds\.warnings\.noise must be an object, got true/],
    ['null', { warnings: { level: null } }, /thresholds\.warnings\.level must be an object/],
    [
      'a level above full scale',
      { warnings: { level: { maxDbov: 3 } } },
      /thresholds\.warnings\.level\.maxDbov must be -127 to 0, got 3/,
    ],
  ];
  for (const [what, options, message] of wrong) {
    it(`refuse ${what}`, () => {
      assert.throws(
        () => resolveThresholds(options),
        (error: Error) => (error instanceof TypeError || error instanceof RangeError) && message.test(error.message),
      );
    });
  }
});
