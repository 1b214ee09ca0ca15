import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { participantSummary } from '../../../src/quality/blame.ts';
import { DownlinkWindow } from '../../../src/quality/downlink-window.ts';
import { delayImpairment, mosFromRating } from '../../../src/quality/e-model.ts';
import { impaired, listeningQuality } from '../../../src/quality/listening.ts';
import { ReportWatch } from '../../../src/quality/report-watch.ts';

const near = (actual: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected} +- ${tolerance}`);

const content = { mosLqo: 4.2, interval: { lower: 3.8, upper: 4.5, coverage: 0.9 }, codec: 'opus' } as const;
const at = (lossRatio: number, oneWayMs?: number, fecPossible = false) =>
  listeningQuality({ ...content, lossRatio, fecPossible, oneWayMs });

describe('impairment by delay', () => {
  it('is none up to 100 ms, and follows G.107 beyond', () => {
    assert.equal(delayImpairment(0), 0);
    assert.equal(delayImpairment(100), 0);
    // X = 1 and 2: 25 (2^(1/6) - 3 (1 + 3^-6)^(1/6) + 2) and 25 (65^(1/6) - 3 (1 + (2/3)^6)^(1/6) + 2)
    near(delayImpairment(200), 3.04, 0.01);
    near(delayImpairment(400), 24.1, 0.05);
  });

  it('grows with the delay', () => {
    for (let ms = 100; ms < 1000; ms += 20) assert.ok(delayImpairment(ms + 20) > delayImpairment(ms));
  });
});

describe('quality at the listener', () => {
  it('is that of the content where the way down loses nothing', () => {
    assert.equal(at(0).mosListening, 4.2);
    assert.deepEqual(at(0).interval, content.interval);
    assert.equal(impaired(4.8, 0), 4.8);
  });

  it('falls with the loss, down to what the E-model leaves where everything is lost', () => {
    const ratings = [0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].map((ratio) => at(ratio).mosListening);
    for (const [index, mos] of ratings.entries()) {
      assert.ok(mos >= 1 && mos <= (ratings[index - 1] ?? 5), ratings.join());
    }
    near(ratings.at(-1) as number, 1 + (3.2 * (mosFromRating(100 - (95 * (100 / 104.3)) / 1.29) - 1)) / 3.5, 1e-6);
  });

  it('is the MOS of the E-model itself for content without flaw', () => {
    near(impaired(4.5, 95 * (5 / 9.3)), mosFromRating(100 - (95 * (5 / 9.3)) / 1.29), 1e-6);
  });

  it('is never better than the content', () => {
    for (const mosLqo of [1, 1.2, 2, 3, 4, 4.5, 4.7, 5]) {
      for (const impairment of [0.1, 5, 40, 129]) {
        const mos = impaired(mosLqo, impairment);
        assert.ok(mos >= 1 && mos <= mosLqo, `${mosLqo} - ${impairment}: ${mos}`);
      }
    }
  });

  it('does not count the codec twice: G.711 without loss keeps the score', () => {
    const quality = listeningQuality({
      ...content,
      codec: 'pcmu',
      lossRatio: 0,
      fecPossible: false,
      oneWayMs: undefined,
    });
    assert.equal(quality.mosListening, content.mosLqo);
  });

  it('has a wider interval where FEC may recover packets, and the same estimate', () => {
    assert.equal(at(0.1, undefined, true).mosListening, at(0.1).mosListening);
    assert.equal(at(0.1, undefined, true).interval.lower, at(0.1).interval.lower);
    assert.ok(at(0.1, undefined, true).interval.upper > at(0.1).interval.upper);
  });

  it('rates a conversation only where a delay is known, and lower when it is long', () => {
    assert.equal('mosConversation' in at(0), false);
    assert.equal(at(0, 80).mosConversation, 4.2);
    assert.ok((at(0, 400).mosConversation as number) < 4);
    assert.equal(at(0, 400).mosListening, 4.2);
  });
});

describe('loss of the way down', () => {
  const run = (lossRatio: number, seconds: number, window = new DownlinkWindow()) => {
    for (let second = 0; second <= seconds; second++) {
      const packetsSent = 50 * second;
      window.add({ packetsSent, packetsLost: packetsSent * lossRatio }, second * 1000);
    }
    return window;
  };

  it('is packets lost / sent', () => {
    assert.equal(run(0, 20).lossRatio, 0);
    near(run(0.1, 20).lossRatio as number, 0.1, 1e-9);
    assert.equal(run(1, 20).lossRatio, 1);
  });

  it('is unknown before a second of packets', () => {
    assert.equal(new DownlinkWindow().lossRatio, undefined);
    assert.equal(run(0.5, 0).lossRatio, undefined);
  });

  it('forgets what is more than its span ago', () => {
    const window = new DownlinkWindow(10_000);
    for (let second = 0; second <= 40; second++) {
      window.add({ packetsSent: 50 * second, packetsLost: 25 * Math.min(second, 20) }, second * 1000);
    }
    assert.equal(window.lossRatio, 0);
  });

  it('begins again when the counters do, and takes repaired packets as received', () => {
    const window = run(0.5, 20);
    window.add({ packetsSent: 10, packetsLost: 0 }, 21_000);
    assert.equal(window.lossRatio, undefined);
    window.add({ packetsSent: 100, packetsLost: -3 }, 23_000);
    assert.equal(window.lossRatio, 0);
  });

  it('looks back its span, however often it is asked', () => {
    const window = new DownlinkWindow(10_000);
    for (let ms = 0; ms <= 20_000; ms += 10) {
      window.add({ packetsSent: ms, packetsLost: Math.min(ms, 11_000) }, ms);
    }
    near(window.lossRatio as number, 0.1, 0.04);
  });
});

describe('reports of a listener', () => {
  const traces = { roundTripMs: 40.1, packetsLost: 0, fractionLost: 0 };

  it('have not come while they left no trace', () => {
    assert.equal(new ReportWatch().isAlive({ ...traces, roundTripMs: undefined }, 60_000), false);
  });

  it('come while the round trip or the loss changes', () => {
    const watch = new ReportWatch();
    for (let second = 0; second < 60; second += 10) {
      assert.equal(watch.isAlive({ ...traces, roundTripMs: 40 + second }, second * 1000), true);
    }
    assert.equal(watch.isAlive({ ...traces, packetsLost: 1 }, 75_000), true);
  });

  it('have ended after 20 s without a change: no loss is read from their silence', () => {
    const watch = new ReportWatch();
    assert.equal(watch.isAlive(traces, 100_000), true);
    assert.equal(watch.isAlive(traces, 119_000), true);
    assert.equal(watch.isAlive(traces, 120_000), false);
    assert.equal(watch.isAlive({ ...traces, roundTripMs: 40.2 }, 130_000), true);
  });
});

describe('which side to blame', () => {
  it('blames the way up for what the server gets badly', () => {
    assert.deepEqual(participantSummary({ sentMos: 2, received: [] }), { heardMos: 2, blame: 'uplink' });
  });

  it('blames the way down for what it takes', () => {
    const received = [{ mosLqo: 4.2, mosListening: 2.5 }];
    assert.deepEqual(participantSummary({ sentMos: 4, received }), { heardMos: 4, hearsMos: 2.5, blame: 'downlink' });
    assert.equal(participantSummary({ sentMos: 2, received }).blame, 'both');
  });

  it('does not blame the listener for a talker who comes badly to the server', () => {
    assert.equal(participantSummary({ sentMos: 4, received: [{ mosLqo: 2.5, mosListening: 2.4 }] }).blame, 'none');
  });

  it('blames nobody where nothing is known', () => {
    assert.deepEqual(participantSummary({ sentMos: undefined, received: [] }), { blame: 'none' });
  });
});
