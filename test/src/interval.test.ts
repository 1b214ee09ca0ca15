import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clampMos, intervalOf, normalQuantile } from '../../src/scoring/interval.ts';

describe('the interval of a score', () => {
  it('uses the quantiles of the normal distribution', () => {
    for (const [probability, z] of [
      [0.5, 0],
      [0.95, 1.6448536],
      [0.975, 1.959964],
      [0.995, 2.5758293],
      [0.05, -1.6448536],
      [1e-6, -4.7534243],
    ] as const) {
      assert.ok(Math.abs(normalQuantile(probability) - z) < 1e-6, `${probability}: ${normalQuantile(probability)}`);
    }
  });

  it('holds the stated coverage of a Gaussian', () => {
    const { lower, upper, coverage } = intervalOf(3, 0.2, 0.9);
    assert.ok(Math.abs(lower - (3 - 0.32897)) < 1e-4);
    assert.ok(Math.abs(upper - (3 + 0.32897)) < 1e-4);
    assert.equal(coverage, 0.9);
  });

  it('ends at the ends of the scale', () => {
    assert.equal(intervalOf(4.9, 1, 0.9).upper, 5);
    assert.equal(intervalOf(1.1, 1, 0.9).lower, 1);
    assert.equal(clampMos(5.3), 5);
    assert.equal(clampMos(0.2), 1);
  });
});
