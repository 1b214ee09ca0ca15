import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TemporalPooling } from '../../../src/quality/pooling.ts';

const pool = (scores: readonly number[], maxBins?: number) => {
  const pooling = new TemporalPooling(maxBins);
  for (const score of scores) pooling.add(score);
  return pooling.mos as number;
};

/** Equations 19 to 21 of P.1203.3 as they stand there, over all scores. */
function direct(scores: readonly number[]): number {
  let [weighted, weights] = [0, 0];
  scores.forEach((q, index) => {
    const w1 = 0.00666620027943848 + 0.0000404018840273729 * Math.exp((index + 1) / scores.length / 0.156497800436237);
    const w2 = 0.143179744942738 - 0.0238641564518876 * q;
    weighted += w1 * w2 * q;
    weights += w1 * w2;
  });
  return weighted / weights;
}

const repeat = (mos: number, times: number) => Array.from({ length: times }, () => mos);
const near = (actual: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`);

describe('pooling', () => {
  it('says nothing of nothing', () => {
    assert.equal(new TemporalPooling().mos, undefined);
  });

  it('leaves what does not change as it is', () => {
    for (const mos of [1, 2.5, 5]) near(pool(repeat(mos, 100)), mos, 1e-9);
    near(pool([3.7]), 3.7, 1e-9);
  });

  it('is that of P.1203.3', () => {
    const scores = Array.from({ length: 300 }, (_, index) => 3 + 1.5 * Math.sin(index / 17));
    near(pool(scores), direct(scores), 1e-9);
  });

  it('weighs what is bad more than a mean does', () => {
    const scores = [...repeat(4.5, 60), ...repeat(1.5, 30), ...repeat(4.5, 60)];
    const mean = scores.reduce((sum, score) => sum + score) / scores.length;
    assert.ok(pool(scores) < mean - 0.3, `${pool(scores)} against ${mean}`);
  });

  it('weighs the end more than the beginning', () => {
    const goodEnd = pool([...repeat(2, 50), ...repeat(4, 50)]);
    const badEnd = pool([...repeat(4, 50), ...repeat(2, 50)]);
    assert.ok(goodEnd > badEnd + 0.3, `${goodEnd} against ${badEnd}`);
  });

  it('does not depend on how often a score comes, only on the course', () => {
    const scores = Array.from({ length: 200 }, (_, index) => (index < 120 ? 4.2 : 2.1));
    near(pool(scores.flatMap((score) => [score, score])), pool(scores), 0.02);
  });

  it('stays within 0.001 MOS of the exact value over a day of talk', () => {
    const scores = Array.from({ length: 86_400 }, (_, index) => 3 + Math.sin(index / 50) + Math.cos(index / 9000));
    near(pool(scores), direct(scores), 0.001);
  });

  it('puts neighbours together when its bins are full', () => {
    const scores = Array.from({ length: 1000 }, (_, index) => 1 + (4 * index) / 999);
    near(pool(scores, 64), direct(scores), 0.01);
    assert.notEqual(pool(scores, 64), pool(scores));
  });
});
