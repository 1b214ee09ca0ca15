import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventLine } from '../../cli/listen/event-line.ts';
import { LiveTable } from '../../cli/listen/live-table.ts';
import { plotCurve } from '../../cli/score/plot.ts';
import { sparkline } from '../../cli/score/sparkline.ts';
import { isToken } from '../../cli/serve/token.ts';
import type { MosNoScoreEvent, ProducerSnapshot } from '../../plugin/index.ts';

const scores = (...values: (number | undefined)[]) =>
  values.map((mosLqo, second) =>
    mosLqo === undefined ? { second, reason: 'silence' } : { second, mosLqo, lower: mosLqo - 0.5, upper: mosLqo + 0.5 },
  );

describe('sparkline', () => {
  it('is the higher the better, with a dot where there is no score', () => {
    assert.equal(sparkline(scores(1, 2, 3, 4, 5, undefined), 10), '▁▃▅▇█·');
  });

  it('shows the worst of several seconds where there is not room for all', () => {
    assert.equal(sparkline(scores(5, 1, 5, 5, undefined, undefined), 3), '▁█·');
    assert.equal(sparkline([], 3), '');
  });
});

describe('plotCurve', () => {
  it('draws a line for each run of scores and grey for each run without', () => {
    const svg = plotCurve('a <call> & "more"', scores(4, 4, undefined, 3, 3, undefined));
    assert.equal(svg.match(/<polyline /g)?.length, 2);
    assert.equal(svg.match(/<title>no score: silence<\/title>/g)?.length, 2);
    assert.ok(svg.includes('a &#60;call&#62; &#38; &#34;more&#34;'));
  });

  it('draws a recording of an hour, and one without seconds', () => {
    const hour = plotCurve('hour', scores(...Array.from({ length: 3600 }, () => 4)));
    assert.ok((hour.match(/>\d+:\d\d</g)?.length ?? 0) <= 13);
    assert.doesNotMatch(plotCurve('nothing', []), /NaN|Infinity/);
  });
});

describe('the live table', () => {
  const head = { routerId: 'rtp', sequence: 0, time: 0 };
  const network = { lossRatio: 0.05, burstRatio: 1, jitterMs: 3, mosCqe: 4 };
  const model = { name: 'm', version: '1.0.0' };
  const silent: MosNoScoreEvent = {
    ...{ type: 'noscore', ...head, producerId: 'a\x1b[2J', reason: 'silence', since: 0, network, model },
  };

  it('shows who is heard, and lets no name steer the terminal', () => {
    const table = new LiveTable();
    table.take(silent);
    const { producerId } = silent;
    const snapshot: ProducerSnapshot = {
      ...{ producerId, routerId: 'rtp', nextSequence: 1, state: 'unknown', status: silent, warnings: [] },
    };
    const text = table.render([snapshot]);
    assert.match(text, /a\?\[2J .*silence.*5\.0 %.*·/);
    assert.equal(table.render([]), 'no producers');
    assert.equal(eventLine(silent), '1970-01-01T00:00:00.000Z a?[2J no score: silence');
  });
});

describe('isToken', () => {
  it('takes the token and nothing else', () => {
    assert.ok(isToken('secret', 'secret'));
    for (const other of ['secre', 'secret ', '', undefined, null, 7, ['secret'], { token: 'secret' }]) {
      assert.ok(!isToken('secret', other), String(other));
    }
  });
});
