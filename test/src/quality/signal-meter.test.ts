import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SignalMeter } from '../../../src/quality/signal-meter.ts';

const near = (actual: number | undefined, expected: number) =>
  assert.ok(actual !== undefined && Math.abs(actual - expected) < 1e-6, `${actual} is not ${expected}`);

describe('the signal meter', () => {
  it('tells the level of the newest talk, from the mean of all', () => {
    const meter = new SignalMeter();
    near(meter.read({ levelDbov: -20, activeMs: 1000, bandwidthHz: 8000 })?.levelDbov, -20);
    // Another second, at -40: the mean power of both is half of that of -20 and -40.
    const mean = 10 * Math.log10((10 ** -2 + 10 ** -4) / 2);
    near(meter.read({ levelDbov: mean, activeMs: 2000, bandwidthHz: 8000 })?.levelDbov, -40);
  });

  it('tells nothing where nobody talked', () => {
    const meter = new SignalMeter();
    assert.equal(meter.read({ levelDbov: -127, activeMs: 0, bandwidthHz: 8000 }), undefined);
    meter.read({ levelDbov: -20, activeMs: 1000, bandwidthHz: 8000 });
    assert.equal(meter.read({ levelDbov: -20, activeMs: 1000, bandwidthHz: 8000 }), undefined);
  });

  it('stays between -127 and 0 dBov, however the sums are rounded', () => {
    const meter = new SignalMeter();
    meter.read({ levelDbov: -10, activeMs: 1000, bandwidthHz: 0 });
    const quieter = 10 * Math.log10(0.1 / 1.01) - 1e-9;
    assert.equal(meter.read({ levelDbov: quieter, activeMs: 1010, bandwidthHz: 0 })?.levelDbov, -127);
  });

  it('knows the bandwidth where packets tell it', () => {
    const talk = { levelDbov: -20, activeMs: 1000 };
    assert.equal(new SignalMeter().read({ ...talk, bandwidthHz: 4000 })?.bandwidthHz, 4000);
    assert.deepEqual(Object.keys(new SignalMeter().read({ ...talk, bandwidthHz: 0 }) ?? {}), ['levelDbov']);
  });
});
