import { setTimeout as sleep } from 'node:timers/promises';
import { Scorer } from '../../plugin/index.ts';
import { opusPayloadType, opusPayloadTypes } from '../../test/support/recorded-call.ts';
import { RtpSender } from '../../test/support/rtp-sender.ts';
import { opusPackets } from '../../test/support/speech.ts';
import type { Extent, Finding } from './finding.ts';
import { Relay, type RelayFaults } from './relay.ts';

const conditions: readonly RelayFaults[] = [
  { lossRatio: 0, jitterMs: 0 },
  { lossRatio: 0.1, jitterMs: 0 },
  { lossRatio: 0.2, jitterMs: 0 },
  { lossRatio: 0.4, jitterMs: 0 },
  { lossRatio: 0, jitterMs: 50 },
  { lossRatio: 0, jitterMs: 500 },
  { lossRatio: 0.2, jitterMs: 500 },
];

/** One talker a condition, all at once, each behind a relay of its own. */
export async function network({ short }: Extent): Promise<Finding[]> {
  const scorer = await Scorer.create({ sockets: 1 });
  let deaths = 0;
  scorer.on('processdied', () => deaths++);
  const ways = await Promise.all(
    conditions.map(async (faults, index) => {
      const endpoint = scorer.reserveEndpoint();
      const relay = await Relay.start(endpoint.port, index + 1);
      relay.faults = faults;
      const ssrc = index + 1;
      const sender = await RtpSender.create({
        port: relay.port,
        ssrc,
        payloadType: opusPayloadType,
        payloads: opusPackets('speech/woman-1'),
      });
      const stream = scorer.addStream({
        streamId: String(index),
        source: { endpoint, address: '127.0.0.1', port: relay.port, ssrc },
        payloadTypes: opusPayloadTypes,
      });
      const way = { faults, relay, sender, stream, scores: 0, mos: 0, wrong: 0, reasons: new Set<string>() };
      stream.on('score', ({ mosLqo }) => {
        way.scores++;
        way.mos += mosLqo;
        if (!(mosLqo >= 1 && mosLqo <= 5)) way.wrong++;
      });
      stream.on('noscore', ({ reason }) => way.reasons.add(reason));
      sender.start();
      return way;
    }),
  );
  await sleep(short ? 10_000 : 25_000);
  for (const { sender } of ways) sender.stop();
  await sleep(1000);
  const findings: Finding[] = [];
  for (const { faults, relay, sender, stream, scores, mos, wrong, reasons } of ways) {
    const stats = await stream.getStats();
    const expected = relay.passed + relay.dropped;
    // Loss at the very end cannot be known; what comes too late counts as lost too, so only without jitter it must fit.
    const counted = faults.jitterMs > 0 || Math.abs(stats.packetsLost - relay.dropped) < 40;
    const kept =
      deaths === 0 &&
      wrong === 0 &&
      (scores > 0 || reasons.has('gap')) &&
      counted &&
      Math.abs(stats.packetsExpected - expected) < 40;
    findings.push({
      fault: `network: ${100 * faults.lossRatio} % lost, up to ${faults.jitterMs} ms late (reordered)`,
      promise: 'scores of 1 to 5 or a reason; what was lost is counted; the scorer lives',
      seen: `${scores} scores${scores > 0 ? `, mean ${(mos / scores).toFixed(2)}` : ''}; reasons ${[...reasons].join(', ')}; sent ${expected}, expected ${stats.packetsExpected}, counted as lost ${stats.packetsLost}`,
      lost: `${relay.dropped} packets on the way`,
      kept,
    });
    await sender.close();
    relay.close();
  }
  await scorer.close();
  return findings;
}
