import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SourceTable } from '../../cli/serve/source-table.ts';
import { rtpPacket } from '../support/rtp-packet.ts';

const packet = (sequenceNumber: number, ssrc = 7) =>
  rtpPacket({ payloadType: 111, sequenceNumber, timestamp: 0, ssrc, payload: new Uint8Array(20) });
const rtcp = Uint8Array.from([0x80, 200, 0, 1, 0, 0, 0, 7]);

/** Sends so many packets in a row, and tells what became of them. */
const send = (table: SourceTable, key: string, count: number, nowMs = 0, first = 100, ssrc = 7) =>
  Array.from({ length: count }, (_, index) => table.look(key, packet(first + index, ssrc), nowMs).kind);

describe('SourceTable', () => {
  it('believes a sender after three packets in a row, over the wrap of sequence numbers too', () => {
    const table = new SourceTable({ maxSources: 10, idleMs: 1000 });
    assert.deepEqual(send(table, 'a', 5), ['probation', 'probation', 'new', 'known', 'known']);
    const kinds = [65535, 0, 1].map((sequenceNumber) => table.look('b', packet(sequenceNumber), 0).kind);
    assert.deepEqual(kinds, ['probation', 'probation', 'new']);
  });

  it('begins anew with a gap, another SSRC, or a long pause', () => {
    const table = new SourceTable({ maxSources: 10, idleMs: 1000 });
    send(table, 'gap', 2);
    assert.equal(table.look('gap', packet(105), 0).kind, 'probation');
    send(table, 'ssrc', 2);
    assert.equal(table.look('ssrc', packet(102, 8), 0).kind, 'probation');
    send(table, 'pause', 2);
    assert.equal(table.look('pause', packet(102), 2000).kind, 'probation');
    assert.equal(table.size, 0);
  });

  it('takes what a known sender sends after that: RTCP, and another SSRC', () => {
    const table = new SourceTable({ maxSources: 10, idleMs: 1000 });
    assert.deepEqual(table.look('a', rtcp, 0), { kind: 'dropped', why: 'unknown-source' });
    send(table, 'a', 3);
    assert.equal(table.look('a', rtcp, 0).kind, 'known');
    assert.equal(table.look('a', packet(5, 99), 0).kind, 'known');
  });

  it('takes only the SSRCs that were given', () => {
    const table = new SourceTable({ maxSources: 10, idleMs: 1000, ssrcs: new Set([8]) });
    assert.deepEqual(table.look('a', packet(1, 7), 0), { kind: 'dropped', why: 'other-ssrc' });
    assert.deepEqual(send(table, 'a', 3, 0, 1, 8), ['probation', 'probation', 'new']);
  });

  it('takes no more senders than it may, and forgets those that fell silent', () => {
    const table = new SourceTable({ maxSources: 1, idleMs: 1000 });
    send(table, 'a', 3);
    assert.deepEqual(table.look('b', packet(1), 0).kind, 'probation');
    send(table, 'b', 2, 0, 2);
    assert.deepEqual(table.look('b', packet(4), 0), { kind: 'probation' });
    send(table, 'a', 1, 500, 103);
    assert.deepEqual(table.expire(1000), []);
    assert.deepEqual(table.expire(1500), ['a']);
    assert.equal(send(table, 'b', 3, 1500, 10).at(-1), 'new');
  });

  it('survives anything that is sent to it, and what comes from nowhere makes no sender', () => {
    const table = new SourceTable({ maxSources: 10, idleMs: 1000 });
    fc.assert(
      fc.property(fc.string(), fc.uint8Array({ maxLength: 40 }), (key, bytes) => {
        table.look(key, bytes, 0);
      }),
    );
    for (let index = 0; index < 20_000; index++) table.look(`forged ${index}`, packet(index), 0);
    assert.equal(table.size, 0);
  });
});
