import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ProducerView } from '../../plugin/client/producer-view.ts';
import type { MosEvent, MosSnapshotEvent } from '../../plugin/index.ts';

const model = { name: 'fake', version: '0.0.0' };
const network = { lossRatio: 0, burstRatio: 1, jitterMs: 0, mosCqe: 4.4 };
const head = (sequence: number, time = 1000 + sequence) => ({ producerId: 'p', routerId: 'r', sequence, time });
const noscore = (sequence: number, time?: number): MosEvent => ({
  type: 'noscore',
  ...head(sequence, time),
  reason: 'silence',
  since: 0,
  network,
  model,
});
const warning = (sequence: number, value: number): MosEvent => ({
  type: 'warning',
  ...head(sequence),
  name: 'loss',
  quantity: 'lossRatio',
  value,
  threshold: 0.05,
});
const snapshot = (nextSequence: number, time: number): MosSnapshotEvent => ({
  type: 'snapshot',
  time,
  producers: [{ producerId: 'p', routerId: 'r', nextSequence, state: 'fair', warnings: [] }],
});

describe('what a subscriber knows of a producer', () => {
  it('is the snapshot with the events after it', () => {
    const view = new ProducerView();
    view.takeSnapshot(snapshot(3, 1002));
    assert.equal(view.take({ type: 'state', ...head(3), state: 'poor', previous: 'fair' }), true);
    assert.equal(view.take(warning(4, 0.1)), true);
    assert.equal(view.take(warning(5, 0.2)), true);
    assert.equal(view.take(noscore(6)), true);
    const known = view.producers.get('p');
    assert.equal(known?.state, 'poor');
    assert.deepEqual(known?.warnings, [warning(5, 0.2)]);
    assert.equal(known?.status?.sequence, 6);
    assert.equal(known?.nextSequence, 7);
    assert.equal(
      view.take({ type: 'warningcleared', ...head(7), name: 'loss', since: 1004, reason: 'recovered' }),
      true,
    );
    assert.deepEqual(view.producers.get('p')?.warnings, []);
  });

  it('begins with an event where no snapshot came before', () => {
    const view = new ProducerView();
    view.take(noscore(8));
    assert.deepEqual(view.producers.get('p'), {
      producerId: 'p',
      routerId: 'r',
      nextSequence: 9,
      state: 'unknown',
      status: noscore(8),
      warnings: [],
    });
  });

  it('does not change by an event that comes twice, or late', () => {
    const view = new ProducerView();
    assert.equal(view.take(noscore(5)), true);
    assert.equal(view.take(noscore(5)), false);
    assert.equal(view.take(noscore(3)), false);
    assert.deepEqual(view.takeSnapshot(snapshot(4, 1003)), []);
    assert.equal(view.producers.get('p')?.nextSequence, 6);
  });

  it('does not change by an event that is in the snapshot already', () => {
    const view = new ProducerView();
    view.takeSnapshot(snapshot(3, 1010));
    assert.equal(view.take(noscore(2)), false);
    assert.equal(view.take(noscore(3, 1010)), true);
  });

  it('ends with its close, and late events do not bring it back', () => {
    const view = new ProducerView();
    view.take(noscore(0));
    assert.equal(view.take({ type: 'producerclose', ...head(1) }), true);
    assert.equal(view.take({ type: 'producerclose', ...head(1) }), false);
    assert.equal(view.take(noscore(0)), false);
    assert.deepEqual(view.takeSnapshot(snapshot(1, 1000)), []);
    assert.equal(view.producers.size, 0);
  });

  it('begins anew where the producer is counted anew', () => {
    const view = new ProducerView();
    view.take(noscore(9));
    assert.equal(view.take(noscore(0, 5000)), true);
    assert.equal(view.producers.get('p')?.nextSequence, 1);
    view.take({ type: 'producerclose', ...head(1, 5001) });
    assert.equal(view.take(noscore(0, 6000)), true);
  });

  it('of producers that left, remembers a limited number', () => {
    const view = new ProducerView();
    const close = (n: number): MosEvent => ({
      type: 'producerclose',
      producerId: `${n}`,
      routerId: 'r',
      sequence: 0,
      time: 1,
    });
    for (let n = 0; n < 1500; n++) view.take(close(n));
    assert.equal(view.take(close(1499)), false);
    assert.equal(view.take(close(0)), true);
  });
});
