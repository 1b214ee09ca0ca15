// A user's CommonJS module: starts an observer and closes it. Copied into an empty project by installed.test.ts.
const mediasoup = require('mediasoup');
const { createMosObserver } = require('mediasoup-mos');
const { createMosMetrics } = require('mediasoup-mos/metrics');
const { Scorer } = require('mediasoup-mos/scorer');

async function main() {
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
}

main();
