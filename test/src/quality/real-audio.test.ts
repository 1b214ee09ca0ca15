import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { convolve } from '../../../examples/conference/bots/convolve.ts';
import { loadNative } from '../../../src/engine/load.ts';
import type { Cause, QualityChange, QualityState, StreamScore, WarningName } from '../../../src/events.ts';
import { resolveScorerOptions } from '../../../src/host/scorer-options.ts';
import { loadModel } from '../../../src/model/load.ts';
import { QualityMonitor } from '../../../src/quality/monitor.ts';
import { resolveThresholds, type ThresholdOptions } from '../../../src/quality/thresholds.ts';
import { readClip } from '../../support/clips.ts';
import { mean, type Network, offlineSession, RecordedCall, story } from '../../support/recorded-call.ts';
import { encode } from '../../support/speech.ts';

/** Speech of one woman and one man, 24 s. */
const speech = Float32Array.from([readClip('speech/woman-1'), readClip('speech/man-1')].flatMap((clip) => [...clip]));

const gain = (samples: Float32Array, factor: number) =>
  samples.map((sample) => Math.max(-1, Math.min(1, factor * sample)));
const power = (samples: Float32Array) => samples.reduce((sum, sample) => sum + sample ** 2, 0) / samples.length;

/** Speech over a recording of noise that is `snrDb` below it. */
function noisy(snrDb: number): Float32Array {
  const noise = readClip('noise/tap');
  const factor = Math.sqrt(power(speech) / power(noise) / 10 ** (snrDb / 10));
  return speech.map((sample, index) => 0.5 * (sample + factor * (noise[index % noise.length] as number)));
}

/** Speech in a large room; its first half second of echoes, without the direct sound. */
function reverberant(): Float32Array {
  const heard = convolve(speech, readClip('rooms/hall').subarray(0, 8000));
  return gain(heard, 0.7 / heard.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0));
}

/** What the default model is to find, and how the speech is damaged for it. */
const damages: [cause: Cause, warning: WarningName, damage: () => Float32Array][] = [
  ['noise', 'noise', () => noisy(5)],
  ['reverberation', 'reverberation', reverberant],
  ['clipping', 'clipping', () => gain(gain(speech, 30), 0.3)],
];

const model = await loadModel(resolveScorerOptions({}).model, loadNative().features);

describe('what is told of real speech, coded, sent, decoded and scored', () => {
  /** All that is told of a call: its warnings, the state at its end, its scores, and the reasons for none. */
  async function hear(
    samples: Float32Array,
    {
      network,
      bandwidthHz = 0,
      thresholds,
    }: { network?: Network; bandwidthHz?: number; thresholds?: ThresholdOptions } = {},
  ): Promise<{ warnings: WarningName[]; state: QualityState; scores: StreamScore[]; reasons: string[] }> {
    const call = new RecordedCall(offlineSession(model));
    await call.send(encode(samples, { maxBandwidthHz: bandwidthHz }), network);
    call.session.close();
    const monitor = new QualityMonitor(resolveThresholds(thresholds));
    const scores = call.events.filter((event): event is StreamScore => event.type === 'score');
    const changes = call.events.flatMap((event): QualityChange[] =>
      event.type === 'score' ? monitor.score(event, event.windowEnd) : monitor.noScore(event.since),
    );
    const warnings = changes.flatMap((change) => (change.type === 'warning' ? change.name : []));
    return { warnings, state: monitor.state, scores, reasons: story(call.events) };
  }

  it('clean speech: a good state, and no warning', async () => {
    const { warnings, state } = await hear(speech);
    assert.deepEqual(warnings, []);
    assert.equal(state, 'good');
  });

  it('every fifth packet lost: loss', async () => {
    const { warnings } = await hear(speech, { network: (packet, index) => (index % 5 === 0 ? [] : [packet]) });
    assert.ok(warnings.includes('loss'), `${warnings}`);
  });

  it('1 % of packets lost: no warning of loss', async () => {
    const { warnings } = await hear(speech, { network: (packet, index) => (index % 100 === 0 ? [] : [packet]) });
    assert.ok(!warnings.includes('loss'), `${warnings}`);
  });

  it('noise as loud as the speech, and losses in bursts: low-mos, and a poor state', async () => {
    const { warnings, state } = await hear(noisy(0), { network: (packet, index) => (index % 10 < 3 ? [] : [packet]) });
    assert.ok(warnings.includes('low-mos'), `${warnings}`);
    assert.equal(state, 'poor');
  });

  it('Opus that sends no more than telephone bandwidth: narrowband', async () => {
    const { warnings, scores } = await hear(speech, { bandwidthHz: 4000 });
    assert.ok(warnings.includes('band-limit'), `${warnings}`);
    assert.equal(scores.at(-1)?.signal?.bandwidthHz, 4000);
  });

  it('a voice that is hardly to be heard: level; and its level is measured', async () => {
    const { scores: normal } = await hear(speech);
    const { warnings, scores } = await hear(gain(speech, 0.05));
    assert.ok(warnings.includes('level'), `${warnings}`);
    // The windows of a quiet call end elsewhere: levels are compared over all of it.
    const levels = [normal, scores].map((each) => mean(each.map(({ signal }) => signal?.levelDbov ?? 0))) as [
      number,
      number,
    ];
    // Of a quiet voice the softest frames are not active, so that the mean of the rest is higher.
    assert.ok(Math.abs(levels[0] - levels[1] - 20 * Math.log10(20)) < 3, `${levels}`);
  });

  it('a voice that is far too loud: level', async () => {
    const { warnings } = await hear(gain(speech, 20));
    assert.ok(warnings.includes('level'), `${warnings}`);
  });

  it('the louder the noise, the lower the score', async () => {
    const means: number[] = [];
    for (const samples of [speech, noisy(15), noisy(0)]) {
      means.push(mean((await hear(samples)).scores.map(({ mosLqo }) => mosLqo)));
    }
    const [clean, audible, loud] = means as [number, number, number];
    assert.ok(clean > audible && audible > loud, `${means}`);
  });

  it('noise without speech: no number; running water is no-speech', async () => {
    const [dishes, water] = [await hear(readClip('noise/kitchen')), await hear(readClip('noise/tap'))];
    assert.deepEqual([...dishes.scores, ...water.scores], []);
    assert.equal(water.reasons.at(-1), 'no-speech');
  });

  for (const [cause, warning, damage] of damages) {
    it(`speech with ${cause}: ${warning}`, async () => {
      const { warnings } = await hear(damage());
      assert.ok(warnings.includes(warning), `${warnings}`);
    });
  }

  it('what is switched off is not told', async () => {
    const network: Network = (packet, index) => (index % 5 === 0 ? [] : [packet]);
    const { warnings } = await hear(speech, { network, thresholds: { warnings: { loss: false } } });
    assert.ok(!warnings.includes('loss'), `${warnings}`);
  });
});
