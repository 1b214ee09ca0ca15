import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMosDashboard } from '../../plugin/dashboard/dashboard.ts';
import { allowAll } from '../../plugin/index.ts';
import { listenLocally } from '../../test/support/listen-locally.ts';
import { Call } from './call.ts';
import type { Extent, Finding } from './finding.ts';

const dayMs = 24 * 3600 * 1000;
/** Of the history, 5 s each: a short run may not fill another one. */
const bucketBytes = 5;

interface History {
  readonly producers: readonly { readonly points: string }[];
}

/** The clock of the main process is set a day ahead, then two days back. */
export async function clock({ short }: Extent): Promise<Finding[]> {
  const call = await Call.start(2);
  const pid = await call.pid();
  const dashboard = createMosDashboard({ observers: [call.observer], authorize: allowAll });
  const server = createServer((request, response) => dashboard.handle(request, response));
  const url = `http://127.0.0.1:${await listenLocally(server)}/history?routerId=${call.router.id}`;
  const buckets = async () => {
    const { producers } = (await (await fetch(url)).json()) as History;
    return Buffer.from(producers[0]?.points ?? '', 'base64').filter((byte) => byte !== 0).length;
  };
  const [now, waitMs] = [Date.now, short ? 3000 : 8000];
  const findings: Finding[] = [];
  await sleep(waitMs);
  try {
    for (const [fault, offsetMs] of [
      ['clock: set a day ahead', dayMs],
      ['clock: set two days back', -dayMs],
    ] as const) {
      const before = await buckets();
      Date.now = () => now() + offsetMs;
      call.forget();
      await sleep(waitMs);
      const scores = call.scoreCount;
      const after = await buckets();
      findings.push({
        fault,
        promise: 'scores go on, none is missing; the hour of the page is kept; the scorer is not restarted',
        seen: `${scores} scores of 2 talkers within ${waitMs / 1000} s, ${call.holes} events missing; bytes of history that are not empty: ${before} before, ${after} after`,
        lost: 'nothing',
        kept:
          scores > 0 &&
          call.holes === 0 &&
          before > 0 &&
          after >= before + (short ? 0 : bucketBytes) &&
          (await call.pid()) === pid,
      });
    }
  } finally {
    Date.now = now;
  }
  server.close();
  server.closeAllConnections();
  dashboard.close();
  await call.close();
  return findings;
}
