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
    const { lower, upper, coverage } = intervalOf(3, 0.2, { coverage: 0.9, speechMs: 7680 });
    assert.ok(Math.abs(lower - (3 - 0.32897)) < 1e-4);
    assert.ok(Math.abs(upper - (3 + 0.32897)) < 1e-4);
    assert.equal(coverage, 0.9);
  });

  it('is wider the less speech it was made of, and never narrower than for a full window', () => {
    const widths = [500, 1000, 1500, 3000, 7680, 20_000].map((speechMs) => {
      const { lower, upper } = intervalOf(3, 0.2, { coverage: 0.9, speechMs });
      return upper - lower;
    });
    for (const [index, width] of widths.slice(1).entries()) assert.ok(width <= (widths[index] as number));
    assert.ok((widths[0] as number) > 2 * (widths[4] as number), widths.join());
    assert.equal(widths[5], widths[4]);
    const { lower, upper } = intervalOf(3, 0.2, { coverage: 0.9, speechMs: 0 });
    assert.ok(lower >= 1 && upper <= 5);
  });

  it('ends at the ends of the scale', () => {
    assert.equal(intervalOf(4.9, 1, { coverage: 0.9, speechMs: 7680 }).upper, 5);
    assert.equal(intervalOf(1.1, 1, { coverage: 0.9, speechMs: 7680 }).lower, 1);
    assert.equal(clampMos(5.3), 5);
    assert.equal(clampMos(0.2), 1);
  });
});
