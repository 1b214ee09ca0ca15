import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ArgumentError, parseArguments } from '../../examples/conference/src/options.ts';

describe('arguments of the conference', () => {
  test('have defaults', () => {
    assert.deepEqual(parseArguments([]), { bots: true, port: 3000, host: '127.0.0.1' });
  });

  test('are taken', () => {
    assert.deepEqual(parseArguments(['--no-bots', '--port', '0', '--host=0.0.0.0', '--announced-ip', '192.0.2.7']), {
      bots: false,
      port: 0,
      host: '0.0.0.0',
      announcedIp: '192.0.2.7',
    });
  });

  test('--help asks for help, whatever else there is', () => {
    assert.equal(parseArguments(['--help', '--port', '80']), undefined);
  });

  for (const [args, message] of [
    [['--prot', '80'], /--prot/],
    [['extra'], /extra/],
    [['--port', 'http'], /--port .*: http/],
    [['--port', '65536'], /--port .*: 65536/],
    [['--port', ''], /--port .*: /],
    [['--host', 'example.org'], /--host .*: example\.org/],
    [['--announced-ip', '1.2.3'], /--announced-ip .*: 1\.2\.3/],
  ] as const) {
    test(`${args.join(' ')} is an error that says so`, () => {
      assert.throws(() => parseArguments(args), { name: 'Error', message });
      assert.throws(() => parseArguments(args), ArgumentError);
    });
  }
});
