import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { csvOf } from '../../plugin/dashboard/csv.ts';
import { clockText, timeTicks } from '../../plugin/dashboard/time-axis.ts';

const header = 'time,participant,producerId,mosLqo,lower,upper,mosCqe,noScoreReason\r\n';
const point = { atMs: 1_700_000_000_000, mosLqo: 3.456, lower: 3, upper: 4, mosCqe: 4.4 };

describe('curves as CSV', () => {
  it('have a row for each score, and one for each span without', () => {
    const parts = [
      { type: 'scores', fromMs: 1_700_000_000_000, toMs: 1_700_000_005_000, points: [point] },
      { type: 'noscore', fromMs: 1_700_000_005_000, toMs: 1_700_000_010_000, reason: 'muted' },
    ] as const;
    assert.equal(
      csvOf([{ name: 'Ann', producerId: 'p', parts }]),
      `${header}2023-11-14T22:13:20.000Z,Ann,p,3.46,3.00,4.00,4.40,\r\n2023-11-14T22:13:25.000Z,Ann,p,,,,,muted\r\n`,
    );
  });

  it('quote what needs it, and give a spreadsheet no formula', () => {
    const parts = [{ type: 'scores', fromMs: 0, toMs: 1, points: [{ ...point, atMs: 0 }] }] as const;
    const [, row] = csvOf([{ name: '=1+"1",\n', producerId: '@p', parts }]).split('\r\n');
    assert.equal(row, `1970-01-01T00:00:00.000Z,"'=1+""1"",\n",'@p,3.46,3.00,4.00,4.40,`);
  });

  it('are a header alone without rows', () => assert.equal(csvOf([]), header));
});

describe('the time axis', () => {
  const fromMs = new Date(2023, 10, 14, 22, 13, 20).getTime();

  it('has ticks at round times, with seconds where they are close', () => {
    const ticks = timeTicks({ fromMs, toMs: fromMs + 60_000 }, 5);
    assert.deepEqual(
      ticks.map(({ text }) => text),
      ['22:13:30', '22:13:45', '22:14:00', '22:14:15'],
    );
  });

  it('has no more ticks than there is room for', () => {
    for (const spanMs of [60_000, 600_000, 3_600_000]) {
      for (const most of [1, 2, 3, 5, 9]) {
        const ticks = timeTicks({ fromMs, toMs: fromMs + spanMs }, most);
        assert.ok(ticks.length <= most, `${ticks.length} ticks of ${most}`);
      }
    }
  });

  it('writes local time of day', () => {
    assert.equal(clockText(fromMs, true), '22:13:20');
    assert.equal(clockText(fromMs, false), '22:13');
  });
});
