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

  it('two SSRCs that begin together at one address are two streams from the start', () => {
    const table = new SourceTable({ maxSources: 10, idleMs: 1000 });
    const rounds = Array.from({ length: 8 }, (_, index) => [
      table.look('a', packet(index, 1), 0),
      table.look('a', packet(1000 + index, 2), 0),
    ]);
    assert.deepEqual(rounds[2]?.[0], { kind: 'new', key: 'a' });
    assert.deepEqual(rounds[2]?.[1], { kind: 'new', key: 'a#2' });
    for (const round of rounds.slice(3)) {
      assert.deepEqual(round, [
        { kind: 'known', key: 'a' },
        { kind: 'known', key: 'a#2' },
      ]);
    }
  });

  it('no two SSRCs that send at a time share a key, though one took over the key of another', () => {
    const table = new SourceTable({ maxSources: 10, idleMs: 1000 });
    const alongside = (ssrc: number, other: number, first: number, nowMs: number) => {
      for (let index = 0; index < 5; index++) {
        table.look('a', packet(first + index, ssrc), nowMs);
        table.look('a', packet(first + index, other), nowMs);
      }
    };
    send(table, 'a', 3, 0, 0, 10);
    alongside(11, 10, 3, 0); // 11 has the key a#11
    send(table, 'a', 1, 900, 8, 11);
    assert.deepEqual(table.expire(1100), ['a']);
    send(table, 'a', 5, 1200, 0, 12); // takes over a#11
    alongside(13, 12, 5, 1200);
    alongside(11, 12, 10, 1200); // comes back
    const keys = [11, 12, 13].map((ssrc) => {
      const verdict = table.look('a', packet(15, ssrc), 1200);
      assert.equal(verdict.kind, 'known');
      return 'key' in verdict && verdict.key;
    });
    assert.equal(new Set(keys).size, 3, String(keys));
    assert.equal(table.size, 3);
  });

  it('every packet twice, or neighbours swapped, is no reason to wait', () => {
    const table = new SourceTable({ maxSources: 10, idleMs: 1000 });
    const kinds = (key: string, numbers: number[]) => numbers.map((each) => table.look(key, packet(each), 0).kind);
    const probation = (count: number) => Array<string>(count).fill('probation');
    assert.deepEqual(kinds('twice', [1, 1, 2, 2, 3, 3]), [...probation(4), 'new', 'known']);
    assert.deepEqual(kinds('swapped', [2, 1, 4, 3]), [...probation(2), 'new', 'known']);
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
