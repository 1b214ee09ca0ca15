import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defaultTransmissionRating, effectiveImpairment, mosCqe, mosFromRating } from '../../src/quality/e-model.ts';
import { burstRatioOf, NetworkHistory } from '../../src/quality/network-history.ts';

const near = (got: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(got - expected) <= tolerance, `expected ${expected} within ${tolerance}, got ${got}`);

describe('the E-model (ITU-T G.107)', () => {
  it('gives 4.41 for the default rating of 93.2', () => near(mosFromRating(defaultTransmissionRating), 4.41, 0.005));

  // G.107 Annex B, Table B.1: lower limits of the categories of user satisfaction.
  for (const [rating, mos] of [
    [90, 4.34],
    [80, 4.03],
    [70, 3.6],
    [60, 3.1],
    [50, 2.58],
  ] as const) {
    // The table's 4.03 at R = 80 is 4.024 by the formula.
    it(`converts R = ${rating} to MOS ${mos}`, () => near(mosFromRating(rating), mos, 0.0065));
  }

  it('stays within 1 and 4.5 for every rating', () => {
    assert.equal(mosFromRating(-10), 1);
    assert.equal(mosFromRating(0), 1);
    assert.equal(mosFromRating(3), 1);
    assert.equal(mosFromRating(100), 4.5);
    assert.equal(mosFromRating(129), 4.5);
  });

  it('impairs G.711 with concealment by 95 Ppl / (Ppl + 25.1) at random loss', () => {
    assert.equal(effectiveImpairment('pcmu', 0, 1), 0);
    near(effectiveImpairment('pcmu', 0.05, 1), 15.781, 0.001);
    near(effectiveImpairment('pcma', 0.2, 1), 42.129, 0.001);
  });

  it('is worse for bursts than for random loss, and never better than without loss', () => {
    assert.ok(mosCqe('opus', 0.1, 3) < mosCqe('opus', 0.1, 1));
    assert.ok(mosCqe('opus', 0.1, 1) < mosCqe('opus', 0, 1));
    assert.equal(mosCqe('opus', 1, 1) >= 1, true);
  });
});

describe('burst ratio (G.107 §3.5)', () => {
  it('is 1 for the mean burst of random loss, 1 / (1 - loss)', () => near(burstRatioOf(1 / 0.8, 0.2), 1, 1e-12));
  it('is above 1 for long bursts and below for single losses', () => {
    near(burstRatioOf(5, 0.2), 4, 1e-12);
    near(burstRatioOf(1, 0.2), 0.8, 1e-12);
  });
  it('is 1 where nothing or everything is lost', () => {
    assert.equal(burstRatioOf(0, 0), 1);
    assert.equal(burstRatioOf(400, 1), 1);
  });
});

describe('network history', () => {
  const counters = (packetsExpected: number, packetsLost: number, lossBursts: number) => ({
    packetsExpected,
    packetsLost,
    lossBursts,
    jitterMs: 7,
  });

  it('knows nothing but the counters at the first moment', () => {
    const quality = new NetworkHistory().quality(counters(100, 10, 10), 'opus');
    assert.equal(quality.lossRatio, 0.1);
    assert.equal(quality.jitterMs, 7);
  });

  it('forgets what was lost more than 8 s ago', () => {
    const history = new NetworkHistory();
    // 50 packets a second; the first second loses half of them in one burst.
    for (let second = 0; second <= 20; second++) {
      const lost = second === 0 ? 0 : 25;
      history.add(second * 1000, counters(second * 50, lost, second === 0 ? 0 : 1));
      const { lossRatio, mosCqe: mos } = history.quality(counters(second * 50, lost, second === 0 ? 0 : 1), 'opus');
      if (second >= 1 && second <= 8) assert.equal(lossRatio, 25 / (second * 50), `second ${second}`);
      if (second >= 9) assert.equal(lossRatio, 0, `second ${second}`);
      if (second >= 9) near(mos, 4.41, 0.005);
    }
  });

  it('looks at a fixed number of moments however often it is told', () => {
    const history = new NetworkHistory();
    for (let ms = 0; ms <= 60_000; ms += 10) history.add(ms, counters(ms, ms / 10, ms / 20));
    const { lossRatio, burstRatio } = history.quality(counters(60_000, 6000, 3000), 'pcmu');
    near(lossRatio, 0.1, 1e-9);
    near(burstRatio, 2 * 0.9, 1e-9);
  });

  it('keeps ratios in range when late packets make counters go back', () => {
    const history = new NetworkHistory();
    history.add(0, counters(100, 50, 10));
    const { lossRatio, burstRatio } = history.quality(counters(100, 40, 10), 'opus');
    assert.equal(lossRatio, 0);
    assert.equal(burstRatio, 1);
  });
});
