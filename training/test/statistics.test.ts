import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compare, perCondition, rmseDifference } from '../src/evaluate/compare.ts';
import { Random } from '../src/run/random.ts';
import { evaluatePolynomial, monotonicFit } from '../src/statistics/mapping.ts';
import { auc, decide, f1, falseAlarmRate, kendall, pcc, quantile, rmse, srcc } from '../src/statistics/statistics.ts';

const near = (value: number, expected: number, tolerance = 1e-9) =>
  assert.ok(Math.abs(value - expected) <= tolerance, `${value}, expected ${expected}`);

describe('statistics', () => {
  it('correlations are those of hand-made examples', () => {
    near(pcc([1, 2, 3, 4], [2, 4, 6, 9]), 11.5 / Math.sqrt(5 * 26.75));
    near(srcc([1, 2, 3, 4], [1, 8, 27, 64]), 1);
    near(srcc([1, 2, 3], [1, 3, 2]), 0.5);
  });

  it("Kendall's tau counts pairs and corrects for ties", () => {
    near(kendall([1, 2, 3, 4], [1, 2, 3, 4]), 1);
    near(kendall([1, 2, 3, 4], [4, 3, 2, 1]), -1);
    near(kendall([1, 2, 3], [1, 3, 2]), 1 / 3);
    // Five pairs agree and one is tied on one side: 5 / sqrt(5 x 6).
    near(kendall([1, 2, 2, 3], [1, 2, 3, 4]), 5 / Math.sqrt(30));
    const random = Random.derive(1, 'kendall');
    const [a, b] = [30, 12].map((most) => Array.from({ length: 200 }, () => random.integer(1, most))) as [
      number[],
      number[],
    ];
    const signs = (values: number[]) => values.flatMap((x) => values.map((y) => Math.sign(x - y)));
    const product = (x: number[], y: number[]) => x.reduce((sum, value, n) => sum + value * (y[n] as number), 0);
    const [ofA, ofB] = [signs(a), signs(b)];
    near(kendall(a, b), product(ofA, ofB) / Math.sqrt(product(ofA, ofA) * product(ofB, ofB)));
  });

  it('errors, quantiles, areas and decisions', () => {
    near(rmse([1, 2], [2, 4]), Math.sqrt(2.5));
    near(quantile([4, 1, 3, 2], 0.5), 2.5);
    near(auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 0.75);
    near(auc([1, 1, 1, 1], [0, 1, 0, 1]), 0.5);
    assert.ok(Number.isNaN(auc([1, 2], [1, 1])));
    const decisions = decide([0.9, 0.2, 0.6, 0.4], [1, 1, 0, 0], 0.5);
    assert.deepEqual(decisions, { truePositives: 1, falsePositives: 1, trueNegatives: 1, falseNegatives: 1 });
    near(f1(decisions), 0.5);
    near(falseAlarmRate(decisions), 0.5);
  });

  it('of nothing that varies are not numbers', () => {
    assert.ok(Number.isNaN(pcc([1, 1], [1, 2])));
    assert.ok(Number.isNaN(pcc([1], [1])));
    assert.ok(Number.isNaN(kendall([2, 2], [1, 2])));
  });
});

describe('monotonic mapping', () => {
  const x = Array.from({ length: 50 }, (_, n) => 1 + (4 * n) / 49);

  it('finds a rising cubic', () => {
    const truth = [0.5, 1.2, -0.3, 0.05];
    const fitted = monotonicFit(
      x,
      x.map((at) => evaluatePolynomial(truth, at)),
      3,
    );
    for (const at of x) near(evaluatePolynomial(fitted, at), evaluatePolynomial(truth, at), 1e-6);
  });

  it('does not fall where the data do', () => {
    const fitted = monotonicFit(
      x,
      x.map((at) => (at - 2.5) ** 2),
      3,
    );
    const mapped = x.map((at) => evaluatePolynomial(fitted, at));
    for (let n = 1; n < mapped.length; n++) assert.ok((mapped[n] as number) >= (mapped[n - 1] as number) - 1e-9);
  });

  it('of third order is never worse than of first', () => {
    const random = Random.derive(2, 'mapping');
    for (let trial = 0; trial < 50; trial++) {
      const [scores, ratings] = [0, 0].map(() => Array.from({ length: 6 }, () => random.uniform(1, 5))) as [
        number[],
        number[],
      ];
      const error = (order: 1 | 3) => {
        const fitted = monotonicFit(scores, ratings, order);
        return rmse(
          scores.map((score) => evaluatePolynomial(fitted, score)),
          ratings,
        );
      };
      assert.ok(error(3) <= error(1) + 1e-9);
    }
  });

  it('of first order is the regression line', () => {
    const fitted = monotonicFit([1, 2, 3, 4], [2, 4, 5, 7], 1);
    near(fitted[1] as number, 1.6);
    near(fitted[0] as number, 0.5);
  });

  it('of scores that are all the same is their mean', () => {
    near(evaluatePolynomial(monotonicFit([3, 3, 3], [1, 2, 3], 3), 3), 2, 1e-6);
  });
});

describe('comparison', () => {
  const random = Random.derive(1, 'pairs');
  const pairs = Array.from({ length: 200 }, (_, n) => {
    const rating = random.uniform(1, 5);
    return { rating, score: 0.5 * rating + 1 + 0.1 * random.normal(), condition: `c${n % 20}`, ci95: 0.3 };
  });

  it('gives figures within their bootstrap intervals', () => {
    const { pcc: correlation, rmse: error, n } = compare(pairs, { seed: 1, resamplings: 200 });
    assert.equal(n, 200);
    for (const { value, low, high } of [correlation, error]) assert.ok(low < value && value < high && high - low < 0.2);
  });

  it('maps away what is a matter of scale', () => {
    const { rmse: raw, rmseFirstOrder, rmseThirdOrder, rmseStar } = compare(pairs, { seed: 1, resamplings: 10 });
    assert.ok(raw.value > 2 * rmseFirstOrder);
    assert.ok(rmseThirdOrder <= rmseFirstOrder + 1e-9);
    assert.ok((rmseStar as number) < rmseThirdOrder);
  });

  it('has no RMSE* without confidence intervals of the ratings', () => {
    const bare = pairs.map(({ rating, score }) => ({ rating, score }));
    assert.equal(compare(bare, { seed: 1, resamplings: 10 }).rmseStar, undefined);
  });

  it('is the same for the same seed', () => {
    assert.deepEqual(compare(pairs, { seed: 3, resamplings: 20 }), compare(pairs, { seed: 3, resamplings: 20 }));
  });

  it('knows a difference better than the errors themselves', () => {
    const worse = pairs.map(({ score, ...pair }) => ({ ...pair, score: score - 0.01 }));
    const { value, low, high } = rmseDifference(worse, pairs, { seed: 1, resamplings: 200 });
    const [before, after] = [pairs, worse].map((each) => compare(each, { seed: 1, resamplings: 200 }).rmse);
    near(value, (after?.value as number) - (before?.value as number));
    assert.ok(low < value && value < high && high - low < ((before?.high as number) - (before?.low as number)) / 5);
    assert.deepEqual(rmseDifference(pairs, pairs, { seed: 1, resamplings: 20 }), { value: 0, low: 0, high: 0 });
  });

  it('joins files to conditions', () => {
    const conditions = perCondition(pairs);
    assert.equal(conditions.length, 20);
    near(conditions[0]?.ci95 as number, 0.3 / Math.sqrt(10));
    assert.ok(compare(conditions, { seed: 1, resamplings: 10 }).rmse.value < 2);
  });
});
