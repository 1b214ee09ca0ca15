import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Hysteresis } from '../../../src/quality/hysteresis.ts';

const options = { needed: 3, outOf: 5, holdMs: 5000 };

/** What holds after each observation ('x' = yes, '.' = no), one a second. */
function course(hysteresis: Hysteresis, observations: string): string {
  return [...observations]
    .map((observation, second) => {
      hysteresis.observe(observation === 'x', second * 1000);
      return { true: 'x', false: '.', undefined: '?' }[String(hysteresis.value)];
    })
    .join('');
}

describe('hysteresis', () => {
  it('follows when 3 of 5 say so and that has lasted 5 s', () => {
    assert.equal(course(new Hysteresis(options, false), 'xxxxxxxxxx'), '.......xxx');
  });

  it('goes back the same way', () => {
    const observations = `${'x'.repeat(10)}${'.'.repeat(10)}`;
    assert.equal(course(new Hysteresis(options, false), observations), '.......xxxxxxxxxx...');
  });

  it('passes over what is rare or short', () => {
    const quiet = (observations: string) => '.'.repeat(observations.length);
    for (const observations of ['x..x..x..x..x..x', 'xxx......', 'xxxxx.......', '.xx.......xx.....', 'xxx....xxxx']) {
      assert.equal(course(new Hysteresis(options, false), observations), quiet(observations), observations);
    }
  });

  it('counts 3 of 5 also when they are not in a row', () => {
    assert.equal(course(new Hysteresis(options, false), 'x.x.xx.xx.xx'), '.........xxx');
  });

  it('waits for the time, not for more observations', () => {
    const hysteresis = new Hysteresis(options, false);
    for (const nowMs of [0, 100, 200]) hysteresis.observe(true, nowMs);
    assert.equal(hysteresis.value, false);
    hysteresis.observe(true, 5199);
    assert.equal(hysteresis.value, false);
    hysteresis.observe(true, 5200);
    assert.equal(hysteresis.value, true);
  });

  it('takes the first clear answer at once where there was none', () => {
    assert.equal(course(new Hysteresis(options, undefined), 'xx.x......'), '???xxxxxxx'.slice(0, 10));
    assert.equal(course(new Hysteresis(options, undefined), '...'), '??.');
  });

  it('stays as it is where observations are of two minds', () => {
    const strict = { needed: 4, outOf: 4, holdMs: 0 };
    assert.equal(course(new Hysteresis(strict, false), 'xxxxx.xx....x'), '...xxxxxxxx..');
  });

  it('begins anew after reset', () => {
    const hysteresis = new Hysteresis(options, false);
    course(hysteresis, 'xxxxxxxx');
    hysteresis.reset();
    assert.equal(hysteresis.value, false);
    assert.equal(course(hysteresis, 'xxxxxxx'), '.......');
  });
});
