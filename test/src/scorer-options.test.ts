import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resolveScorerOptions, type ScorerOptions } from '../../src/host/scorer-options.ts';
import { checkStreamOptions } from '../../src/host/stream-options.ts';

describe('scorer options', () => {
  it('have defaults', () => {
    const { model, processes, sockets, intervalMs, minSpeechMs, restartBackoffMs } = resolveScorerOptions({});
    assert.deepEqual({ model, processes, sockets }, { model: 'small', processes: 1, sockets: 4 });
    assert.deepEqual({ intervalMs, minSpeechMs }, { intervalMs: 1000, minSpeechMs: 1500 });
    assert.deepEqual(restartBackoffMs, { initial: 100, max: 10_000 });
  });

  it('take 0 as a value, and undefined as the default', () => {
    const { reorderMs, sockets, concealMs } = resolveScorerOptions({
      reorderMs: 0,
      sockets: 0,
      concealMs: undefined,
    } as never);
    assert.deepEqual({ reorderMs, sockets, concealMs }, { reorderMs: 0, sockets: 0, concealMs: 120 });
    assert.deepEqual(resolveScorerOptions({ restartBackoffMs: { initial: 0 } }).restartBackoffMs, {
      initial: 0,
      max: 10_000,
    });
  });

  const wrong: [options: object, error: typeof TypeError | typeof RangeError, message: RegExp][] = [
    [{ intervallMs: 1000 }, TypeError, /unknown option 'intervallMs' in Scorer options; known: model, /],
    [{ restartBackoffMs: { first: 1 } }, TypeError, /unknown option 'first' in restartBackoffMs/],
    [{ restartBackoffMs: 100 }, TypeError, /restartBackoffMs must be an object, got 100/],
    [
      { restartBackoffMs: { initial: 500, max: 100 } },
      RangeError,
      /restartBackoffMs\.max must be 500 to 3600000, got 100/,
    ],
    [{ model: '' }, TypeError, /model must be a non-empty string, got ''/],
    [{ model: 7 }, TypeError, /model must be a non-empty string, got 7/],
    [{ address: 'localhost' }, TypeError, /address must be an IP address, got 'localhost'/],
    [{ processes: 0 }, RangeError, /processes must be 1 to 64, got 0/],
    [{ processes: 1.5 }, RangeError, /processes must be an integer, got 1.5/],
    [{ sockets: '4' }, TypeError, /sockets must be a finite number, got '4'/],
    [{ firstPort: 65_534 }, RangeError, /firstPort must be 0 to 65532, got 65534/],
    [{ intervalMs: Number.NaN }, TypeError, /intervalMs must be a finite number, got NaN/],
    [{ intervalMs: 50 }, RangeError, /intervalMs must be 100 to 60000, got 50/],
    [{ minSpeechMs: 0 }, RangeError, /minSpeechMs must be 100 to 60000, got 0/],
    [{ reorderMs: -1 }, RangeError, /reorderMs must be 0 to 1000, got -1/],
    [{ heartbeatTimeoutMs: 900, tickMs: 200 }, RangeError, /heartbeatTimeoutMs must be 1000 to 60000, got 900/],
  ];
  for (const [options, error, message] of wrong) {
    it(`${JSON.stringify(options)}: ${error.name}`, () =>
      assert.throws(
        () => resolveScorerOptions(options as ScorerOptions),
        (thrown: Error) => thrown instanceof error && message.test(thrown.message),
      ));
  }
  it('that are no object', () =>
    assert.throws(() => resolveScorerOptions(null as never), /must be an object, got null/));
});

describe('stream options', () => {
  const endpoint = { id: '0/0', address: '127.0.0.1', port: 4000 };
  const source = { endpoint, address: '127.0.0.1', port: 5000, ssrc: 1 };
  const payloadTypes = [{ payloadType: 100, mimeType: 'audio/opus', clockRateHz: 48000, channels: 2 }];
  it('may be as few as an id', () => checkStreamOptions({ streamId: 'a' }));
  it('may be complete', () =>
    checkStreamOptions({ streamId: 'a', source, payloadTypes, audioLevelExtensionId: 10, paused: true }));

  const wrong: [options: object, error: typeof TypeError | typeof RangeError, message: RegExp][] = [
    [{}, TypeError, /streamId must be a non-empty string, got undefined/],
    [{ streamId: 'a', name: 'Ann' }, TypeError, /unknown option 'name' in stream options/],
    [{ streamId: 'a', paused: 1 }, TypeError, /paused must be true or false, got 1/],
    [{ streamId: 'a', audioLevelExtensionId: 256 }, RangeError, /audioLevelExtensionId must be 0 to 255, got 256/],
    [{ streamId: 'a', payloadTypes: 'opus' }, TypeError, /payloadTypes must be an array, got opus/],
    [
      { streamId: 'a', payloadTypes: [{ ...payloadTypes[0], payloadType: 128 }] },
      RangeError,
      /payloadTypes\[0\]\.payloadType must be 0 to 127, got 128/,
    ],
    [
      { streamId: 'a', payloadTypes: [payloadTypes[0], payloadTypes[0]] },
      RangeError,
      /payloadTypes\[1\]\.payloadType 100 stands there twice/,
    ],
    [
      { streamId: 'a', payloadTypes: [{ payloadType: 1, mimeType: 'audio/opus' }] },
      TypeError,
      /clockRateHz must be a finite number, got undefined/,
    ],
    [{ streamId: 'a', source }, TypeError, /payloadTypes must name at least one/],
    [
      { streamId: 'a', payloadTypes, source: { ...source, ssrc: -1 } },
      RangeError,
      /source\.ssrc must be 0 to 4294967295, got -1/,
    ],
    [{ streamId: 'a', payloadTypes, source: { ...source, ssrc: 2 ** 32 } }, RangeError, /source\.ssrc/],
    [
      { streamId: 'a', payloadTypes, source: { ...source, port: 0 } },
      RangeError,
      /source\.port must be 1 to 65535, got 0/,
    ],
    [
      { streamId: 'a', payloadTypes, source: { ...source, address: 'host' } },
      TypeError,
      /source\.address must be an IP address, got 'host'/,
    ],
    [
      { streamId: 'a', payloadTypes, source: { ...source, endpoint: undefined } },
      TypeError,
      /source\.endpoint must come from reserveEndpoint/,
    ],
  ];
  for (const [options, error, message] of wrong) {
    it(`${message.source.replaceAll('\\', '')}`, () =>
      assert.throws(
        () => checkStreamOptions(options as never),
        (thrown: Error) => thrown instanceof error && message.test(thrown.message),
      ));
  }
});
