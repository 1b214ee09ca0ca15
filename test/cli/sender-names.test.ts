import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nameOfSender, parseSenderName } from '../../cli/serve/sender-names.ts';

describe('names of senders', () => {
  const names = ['5006=bob', '10.0.0.7:4000=eve', '10.0.0.7=dan', '[::1]:9=six', 'fe80::1=link', 'ada'].map(
    parseSenderName,
  );

  for (const [key, name] of [
    ['5006/10.0.0.7:4000', 'bob'],
    ['5004/10.0.0.7:4000', 'eve'],
    ['5004/10.0.0.7:4001', 'dan'],
    ['5004/::1:9', 'six'],
    ['5004/fe80::1:77', 'link'],
    ['5004/10.0.0.70:4000', 'ada'],
    ['5004/10.0.0.7:4000#1234', 'eve'],
    ['5004/10.0.0.7:4001#1234#2', 'dan'],
    ['5006/10.0.0.8:4000#1234', 'bob'],
  ] as const) {
    it(`${key} is ${name}`, () => assert.equal(nameOfSender(names, key), name));
  }

  it('there may be none', () => assert.equal(nameOfSender([parseSenderName('5006=bob')], '5004/1.2.3.4:5'), undefined));

  it('may have an equals sign', () =>
    assert.equal(nameOfSender([parseSenderName('5004=a=b')], '5004/1.2.3.4:5'), 'a=b'));

  for (const wrong of ['', '5004=', 'host=name', '1.2.3.4:x=name', `5004=${'x'.repeat(257)}`, '=name']) {
    it(`'${wrong.slice(0, 20)}' is refused`, () => {
      assert.throws(() => parseSenderName(wrong), { code: 'commander.invalidArgument' });
    });
  }
});
