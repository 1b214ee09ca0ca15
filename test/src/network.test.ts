import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { effectiveImpairment, mosCqe, mosFromRating, widebandRating } from '../../src/quality/e-model.ts';
import { limitOf, stateMosOf } from '../../src/quality/limit.ts';
import { burstRatioOf, NetworkHistory } from '../../src/quality/network-history.ts';

const near = (got: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(got - expected) <= tolerance, `expected ${expected} within ${tolerance}, got ${got}`);

describe('the E-model (ITU-T G.107)', () => {
  it('gives 4.5 for the wide-band rating of 129, and 4.41 for 93.2 on the narrow-band scale', () => {
    near(mosFromRating(widebandRating / 1.29), 4.5, 1e-9);
    near(mosFromRating(93.2), 4.41, 0.005);
  });

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

  it('impairs G.711 by its band and, with loss, by (95 - Ie) Ppl / (Ppl + 25.1) more', () => {
    near(effectiveImpairment('pcmu', 0), 35.8, 1e-9);
    near(effectiveImpairment('pcma', 0.2), 35.8 + (59.2 * 20) / 45.1, 1e-9);
    near(mosCqe('pcmu', 0), 3.7, 0.05);
  });

  it('falls with every loss of Opus: good up to 3 %, poor from a fifth on', () => {
    const values = [0, 0.01, 0.03, 0.05, 0.1, 0.2, 0.4, 1].map((loss) => mosCqe('opus', loss));
    for (const [index, mos] of values.slice(1).entries()) assert.ok(mos < (values[index] as number));
    assert.equal(values[0], 4.5);
    assert.ok(
      (values[2] as number) >= 3.5 && (values[4] as number) <= 3.1 && (values[5] as number) <= 2.4,
      values.join(),
    );
    assert.ok((values.at(-1) as number) >= 1);
  });
});

describe('what keeps a score from being good', () => {
  const network = (loss: number, lossRatio = loss) => ({
    ...{ lossRatio, effectiveLossRatio: loss, burstRatio: 1, jitterMs: 3 },
    mosCqe: mosCqe('opus', loss),
  });
  for (const [mosLqo, loss, limit] of [
    [4.2, 0, 'none'],
    [2.1, 0, 'content'],
    [4.2, 0.1, 'network'],
    [2.1, 0.1, 'both'],
    [3.5, 0.03, 'none'],
  ] as const) {
    it(`MOS ${mosLqo} with ${100 * loss} % loss: ${limit}`, () => assert.equal(limitOf(mosLqo, network(loss)), limit));
  }

  it('is not the network where FEC recovered the loss, or where the codec alone lowers the E-model', () => {
    assert.equal(limitOf(4.2, network(0, 0.1)), 'none');
    assert.equal(limitOf(4, { ...network(0), mosCqe: 3.3 }), 'none');
  });

  it('states follow the lower of content and network where packets are lost for good', () => {
    assert.ok(stateMosOf(3.4, network(0.2)) < 2.5);
    assert.equal(stateMosOf(2, network(0.2)), 2);
    assert.equal(stateMosOf(4.2, network(0, 0.2)), 4.2);
    assert.equal(stateMosOf(4.2, { ...network(0), mosCqe: 3.3 }), 4.2);
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

const nothing = { concealedMs: 0, silenceMs: 0, fecRecoveredMs: 0 };
const none = () => nothing;

describe('network history', () => {
  it('counts as effective loss what FEC did not recover', () => {
    const history = new NetworkHistory();
    history.add(0, counters(0, 0, 0), none);
    const repairs = { concealedMs: 300, silenceMs: 100, fecRecoveredMs: 600 };
    const { lossRatio, effectiveLossRatio, mosCqe: mos } = history.quality(counters(1000, 50, 50), repairs, 'opus');
    near(lossRatio, 0.05, 1e-12);
    near(effectiveLossRatio as number, 0.02, 1e-12);
    near(mos, mosCqe('opus', 0.02), 1e-12);
    const gone = history.quality(counters(1000, 50, 1), nothing, 'opus');
    near(gone.effectiveLossRatio as number, 0.05, 1e-12);
  });

  const counters = (packetsExpected: number, packetsLost: number, lossBursts: number) => ({
    packetsExpected,
    packetsLost,
    lossBursts,
    jitterMs: 7,
  });

  it('knows nothing but the counters at the first moment', () => {
    const quality = new NetworkHistory().quality(counters(100, 10, 10), nothing, 'opus');
    assert.equal(quality.lossRatio, 0.1);
    assert.equal(quality.jitterMs, 7);
  });

  it('forgets what was lost more than 8 s ago', () => {
    const history = new NetworkHistory();
    // 50 packets a second; the first second loses half of them in one burst.
    for (let second = 0; second <= 20; second++) {
      const lost = second === 0 ? 0 : 25;
      history.add(second * 1000, counters(second * 50, lost, second === 0 ? 0 : 1), none);
      const { lossRatio, mosCqe: mos } = history.quality(
        counters(second * 50, lost, second === 0 ? 0 : 1),
        nothing,
        'opus',
      );
      if (second >= 1 && second <= 8) assert.equal(lossRatio, 25 / (second * 50), `second ${second}`);
      if (second >= 9) assert.equal(lossRatio, 0, `second ${second}`);
      if (second >= 9) near(mos, 4.5, 1e-9);
    }
  });

  it('looks at a fixed number of moments however often it is told', () => {
    const history = new NetworkHistory();
    for (let ms = 0; ms <= 60_000; ms += 10) history.add(ms, counters(ms, ms / 10, ms / 20), none);
    const { lossRatio, burstRatio } = history.quality(counters(60_000, 6000, 3000), nothing, 'pcmu');
    near(lossRatio, 0.1, 1e-9);
    near(burstRatio, 2 * 0.9, 1e-9);
  });

  it('keeps ratios in range when late packets make counters go back', () => {
    const history = new NetworkHistory();
    history.add(0, counters(100, 50, 10), none);
    const { lossRatio, burstRatio } = history.quality(counters(100, 40, 10), nothing, 'opus');
    assert.equal(lossRatio, 0);
    assert.equal(burstRatio, 1);
  });
});
