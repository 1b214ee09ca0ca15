// A user's ES module: starts an observer and closes it. Copied into an empty project by installed.test.ts.
import * as mediasoup from 'mediasoup';
import { createMosObserver } from 'mediasoup-mos';
import { createMosMetrics } from 'mediasoup-mos/metrics';
import { Scorer } from 'mediasoup-mos/scorer';

const worker = await mediasoup.createWorker({ logLevel: 'error' });
const router = await worker.createRouter({
  mediaCodecs: [{ kind: 'audio', mimeType: 'audio/opus', clockRate: 48000, channels: 2 }],
});
const observer = await createMosObserver({ router, autoAdd: true });
console.log(
  JSON.stringify({ closed: observer.closed, scorer: typeof Scorer.create, metrics: typeof createMosMetrics }),
);
observer.close();
worker.close();
