import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { EventLines } from '../../cli/serve/event-lines.ts';
import type { MosEvent } from '../../plugin/index.ts';

const event: MosEvent = { type: 'producerclose', producerId: 'p', routerId: 'r', sequence: 0, time: 0 };
const turn = () => new Promise(setImmediate);
const failure = (code: string) => Object.assign(new Error(`${code}: cannot write`), { code });

/** An output whose writes end as `results` has it: undefined = written; 'never' = not yet. */
function outputOf(results: (string | undefined)[]) {
  const written: string[] = [];
  const output = new Writable({
    decodeStrings: false,
    // As Node.js makes its standard output: it outlives errors.
    destroy(error, callback) {
      callback(error);
      (this as unknown as { _undestroy(): void })._undestroy();
    },
    write(chunk, _encoding, callback) {
      const result = results.shift();
      if (result === 'never') return;
      if (result === undefined) written.push(chunk);
      callback(result === undefined ? null : failure(result));
    },
  });
  return { output, written };
}

describe('events as lines', () => {
  it('are written', async () => {
    const { output, written } = outputOf([]);
    const lines = new EventLines(output, assert.fail);
    lines.write(event);
    await turn();
    assert.deepEqual([written, lines.lost], [[`${JSON.stringify(event)}\n`], 0]);
  });

  it('are left out and counted while the disk is full, which is told once each time', async () => {
    const { output, written } = outputOf(['ENOSPC', 'ENOSPC', undefined, undefined, 'ENOSPC']);
    const told: string[] = [];
    const lines = new EventLines(output, (message) => told.push(message));
    for (let n = 0; n < 5; n++) {
      lines.write(event);
      await turn();
    }
    assert.equal(lines.lost, 3);
    assert.equal(told.length, 2);
    assert.match(told[0] as string, /ENOSPC: cannot write; everything else goes on/);
    // A line of its own, after what may be half of one.
    assert.deepEqual(written, [`\n${JSON.stringify(event)}\n`, `${JSON.stringify(event)}\n`]);
  });

  it('are left out and counted once the reader is gone', async () => {
    const { output } = outputOf(['EPIPE', 'EPIPE', 'EPIPE', 'EPIPE']);
    const told: string[] = [];
    const lines = new EventLines(output, (message) => told.push(message));
    for (let n = 0; n < 4; n++) {
      lines.write(event);
      await turn();
    }
    assert.equal(lines.lost, 4);
    assert.deepEqual(told, [
      'events are not written to standard output any more: its reader is gone; everything else goes on',
    ]);
  });

  it('wait for a slow reader to a limit', async () => {
    const { output } = outputOf(['never']);
    const told: string[] = [];
    const lines = new EventLines(output, (message) => told.push(message));
    const long = { ...event, producerId: 'x'.repeat(100_000) };
    for (let n = 0; n < 50; n++) lines.write(long);
    assert.ok(output.writableLength < 2 ** 20 + 200_000);
    assert.equal(lines.lost, 50 - 11);
    assert.match(told[0] as string, /too slow/);
    assert.equal(told.length, 1);
  });
});
