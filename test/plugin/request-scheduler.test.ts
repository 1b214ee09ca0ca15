import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RequestScheduler } from '../../plugin/mediasoup/request-scheduler.ts';

/** Runs the scheduler every 100 ms, answering at once; how often each was asked. */
function run(scheduler: RequestScheduler<number>, untilMs: number, onTick = (_: number) => {}, fromMs = 0) {
  const asked = new Map<number, number>();
  for (let ms = fromMs; ms < untilMs; ms += 100) {
    onTick(ms);
    for (const subject of scheduler.next(ms)) {
      asked.set(subject, (asked.get(subject) ?? 0) + 1);
      scheduler.done(subject);
    }
  }
  return asked;
}
const total = (asked: Map<number, number>) => [...asked.values()].reduce((sum, count) => sum + count, 0);
const filled = (count: number, requestsPerSecond: number) => {
  const scheduler = new RequestScheduler<number>({ requestsPerSecond });
  for (let subject = 0; subject < count; subject++) scheduler.add(subject);
  return scheduler;
};

describe('request scheduler', () => {
  it('keeps its budget, however many there are', () => {
    for (const count of [100, 10_000]) assert.ok(total(run(filled(count, 10), 60_000)) <= 601);
  });

  it('uses its budget, and asks each equally often', () => {
    const asked = run(filled(100, 10), 60_000);
    assert.ok(total(asked) >= 595);
    const counts = [...asked.values()];
    assert.equal(asked.size, 100);
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
  });

  it('asks one no more often than its interval', () => {
    assert.equal(run(filled(1, 10), 60_000).get(0), 30);
  });

  it('asks those with a hint first', () => {
    const scheduler = filled(100, 10);
    run(scheduler, 20_000);
    scheduler.hint(77);
    assert.ok(run(scheduler, 20_400, undefined, 20_000).has(77));
  });

  it('does not let hints starve the others', () => {
    const asked = run(filled(100, 10), 60_000, () => {}, 0);
    const scheduler = filled(100, 10);
    const hinted = run(scheduler, 60_000, () => {
      for (let subject = 0; subject < 20; subject++) scheduler.hint(subject);
    });
    assert.equal(asked.size, 100);
    assert.equal(hinted.size, 100);
    assert.ok(Math.min(...hinted.values()) >= 2);
    assert.ok((hinted.get(0) as number) > (hinted.get(99) as number));
    assert.ok(total(hinted) <= 601);
  });

  it('does not ask again before the answer, and forgets who goes meanwhile', () => {
    const scheduler = filled(1, 100);
    assert.deepEqual(scheduler.next(0), [0]);
    assert.deepEqual(scheduler.next(10_000), []);
    scheduler.remove(0);
    scheduler.done(0);
    scheduler.add(1);
    assert.deepEqual(scheduler.next(20_000), [1]);
  });

  it('stops asking a worker that does not answer', () => {
    const scheduler = filled(1000, 1000);
    const asked = Array.from({ length: 100 }, (_, second) => scheduler.next(second * 1000)).flat();
    assert.equal(asked.length, 32);
    for (const subject of asked) scheduler.remove(subject);
    assert.ok(scheduler.next(200_000).length > 0);
  });

  it('does not make up for a pause', () => {
    const scheduler = filled(1000, 10);
    scheduler.next(0);
    assert.equal(scheduler.next(3_600_000).length, 10);
  });

  it('names a wrong option', () => {
    assert.throws(() => new RequestScheduler({ requestsPerSecond: 0 }), /requestsPerSecond must be 0.1 to 1000/);
    assert.throws(() => new RequestScheduler({ requestsPerSecond: Number.NaN }), /requestsPerSecond/);
  });
});
