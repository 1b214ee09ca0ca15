import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Impairment, type ImpairmentOptions } from '../../examples/conference/src/impairment.ts';

const packetMs = 20;

/** When the copies of each packet leave that come every 20 ms. */
const departuresOf = (options: ImpairmentOptions, packets: number): number[][] => {
  const impairment = new Impairment(options);
  return Array.from({ length: packets }, (_, index) => impairment.departures(index * packetMs));
};

describe('Impairment', () => {
  test('without options every packet goes on at once', () => {
    assert.deepEqual(
      departuresOf({}, 100),
      Array.from({ length: 100 }, (_, index) => [index * packetMs]),
    );
  });

  test('loses the share asked for, in bursts of the mean length asked for', () => {
    const lost = departuresOf({ lossRatio: 0.2, lossBurstPackets: 4, seed: 3 }, 200_000).map(
      ({ length }) => length === 0,
    );
    const losses = lost.filter(Boolean).length;
    const bursts = lost.filter((one, index) => one && lost[index - 1] !== true).length;
    assert.ok(Math.abs(losses / lost.length - 0.2) < 0.005, `loss ratio ${losses / lost.length}`);
    assert.ok(Math.abs(losses / bursts - 4) < 0.1, `mean burst ${losses / bursts}`);
  });

  test('loses independently by default', () => {
    const lost = departuresOf({ lossRatio: 0.2 }, 200_000).map(({ length }) => length === 0);
    const lostAfterLoss = lost.filter((one, index) => one && lost[index - 1] === true).length;
    const losses = lost.filter(Boolean).length;
    assert.ok(Math.abs(lostAfterLoss / losses - 0.2) < 0.01, `loss after loss ${lostAfterLoss / losses}`);
  });

  test('the same seed has the same fate, another seed another', () => {
    const options = { lossRatio: 0.3, jitterMs: 30, duplicateRatio: 0.1, reorderRatio: 0.1 };
    assert.deepEqual(departuresOf({ ...options, seed: 5 }, 500), departuresOf({ ...options, seed: 5 }, 500));
    assert.notDeepEqual(departuresOf({ ...options, seed: 5 }, 500), departuresOf({ ...options, seed: 6 }, 500));
  });

  test('delays by a constant and a jitter, in order', () => {
    const departures = departuresOf({ delayMs: 100, jitterMs: 60 }, 5000).map(([departure]) => departure ?? Number.NaN);
    const delays = departures.map((departure, index) => departure - index * packetMs);
    assert.ok(Math.min(...delays) >= 100 && Math.min(...delays) < 105);
    assert.ok(Math.max(...delays) <= 160 && Math.max(...delays) > 155);
    assert.ok(departures.every((departure, index) => index === 0 || departure >= (departures[index - 1] ?? 0)));
  });

  test('holds the share asked for back so far that later packets overtake', () => {
    const departures = departuresOf({ reorderRatio: 0.1, reorderMs: 50 }, 10_000).flat();
    const heldBack = departures.filter((departure, index) => departure === index * packetMs + 50).length;
    assert.ok(Math.abs(heldBack / departures.length - 0.1) < 0.01, `${heldBack} held back`);
  });

  test('duplicates the share asked for', () => {
    const copies = departuresOf({ duplicateRatio: 0.25 }, 20_000).filter(({ length }) => length === 2).length;
    assert.ok(Math.abs(copies / 20_000 - 0.25) < 0.01, `${copies} duplicated`);
  });

  test('wrong options are errors that name the option and the value', () => {
    assert.throws(() => new Impairment({ lossRatio: 1 }), /RangeError: lossRatio .*: 1$/);
    assert.throws(() => new Impairment({ lossRatio: Number.NaN }), /RangeError: lossRatio .*: NaN$/);
    assert.throws(() => new Impairment({ lossRatio: 0.5, lossBurstPackets: 1 }), /RangeError: lossBurstPackets .*: 1$/);
    assert.throws(() => new Impairment({ delayMs: -1 }), /RangeError: delayMs .*: -1$/);
    assert.throws(() => new Impairment({ duplicateRatio: 2 }), /RangeError: duplicateRatio .*: 2$/);
    assert.throws(() => new Impairment({ seed: 0 }), /RangeError: seed .*: 0$/);
    assert.throws(
      () => new Impairment({ loss: 0.1 } as ImpairmentOptions),
      /TypeError: unknown impairment option: loss$/,
    );
  });
});
