import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ScorerStream, type StreamHost } from '../../src/host/stream.ts';

describe('ScorerStream', () => {
  for (const [kind, packet] of [
    ['a Uint8Array', new Uint8Array(20).fill(1)],
    ['a Buffer', Buffer.alloc(20, 1)],
  ] as const) {
    it(`copies a packet that is ${kind}: the caller may use its bytes again`, () => {
      const pushed: Uint8Array[] = [];
      const host: Pick<StreamHost, 'pushRtp'> = {
        pushRtp: (_, bytes) => {
          pushed.push(bytes);
          return true;
        },
      };
      new ScorerStream(host as StreamHost, { streamId: 'a' }).pushRtp(packet);
      packet.fill(2);
      assert.deepEqual([...(pushed[0] as Uint8Array)], Array(20).fill(1));
    });
  }
});
