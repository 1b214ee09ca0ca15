import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StreamScore } from '../../src/events.ts';
import { decodeScores, encodeScores } from '../../src/host/process/score-table.ts';

const model = { name: 'test', version: '1.2.3' };
const score = (streamId: string, mosLqo: number, more: Partial<StreamScore> = {}): StreamScore => ({
  type: 'score',
  streamId,
  sequence: 41,
  windowStart: 1_800_000_000_001,
  windowEnd: 1_800_000_007_681,
  speechMs: 6540,
  mosLqo,
  interval: { lower: mosLqo - 0.5, upper: mosLqo + 0.25, coverage: 0.9 },
  network: { lossRatio: 0.125, burstRatio: 1.5, jitterMs: 3.25, mosCqe: 3.9 },
  model,
  ...more,
});

describe('scores as rows of numbers', () => {
  it('come out as they went in, numbered by who reads them', () => {
    const scores = [
      score('7', 3.5, { signal: { levelDbov: -31.5 } }),
      score('9', 4.25, { causes: { noise: 0.75, codec: 0 }, signal: { levelDbov: -26, bandwidthHz: 8000 } }),
      score('8', 2, {
        network: { lossRatio: 0.2, effectiveLossRatio: 0.1, burstRatio: 1, jitterMs: 3, mosCqe: 2.4 },
        limitedBy: 'both',
      }),
    ];
    const table = encodeScores(scores, ({ streamId }) => Number(streamId));
    const read: [number, StreamScore][] = [];
    decodeScores(
      table,
      model,
      (stream) => ({ streamId: `stream ${stream}`, nextSequence: stream * 10 }),
      (stream, each) => read.push([stream, each]),
    );
    assert.deepEqual(read, [
      [7, { ...scores[0], streamId: 'stream 7', sequence: 70 }],
      [9, { ...scores[1], streamId: 'stream 9', sequence: 90 }],
      [8, { ...scores[2], streamId: 'stream 8', sequence: 80 }],
    ]);
  });

  it('of streams that are gone are passed over', () => {
    const table = encodeScores([score('1', 2), score('2', 3)], ({ streamId }) => Number(streamId));
    const read: number[] = [];
    decodeScores(
      table,
      model,
      (stream) => (stream === 1 ? undefined : { streamId: 'b', nextSequence: 0 }),
      (stream) => read.push(stream),
    );
    assert.deepEqual(read, [2]);
  });
});
