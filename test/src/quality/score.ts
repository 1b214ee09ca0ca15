import type { NoScoreReason, StreamNoScore, StreamScore } from '../../../src/events.ts';

const network = { lossRatio: 0, burstRatio: 1, jitterMs: 2, mosCqe: 4.4 };
const model = { name: 'test', version: '1.0.0' };

/** A score of clean speech but for what is given. */
export const score = (changes: Partial<Omit<StreamScore, 'network'>> & { lossRatio?: number } = {}): StreamScore => {
  const { lossRatio = 0, ...rest } = changes;
  return {
    type: 'score',
    streamId: 's',
    sequence: 0,
    windowStart: 0,
    windowEnd: 7680,
    speechMs: 7680,
    mosLqo: 4.2,
    interval: { lower: 3.9, upper: 4.5, coverage: 0.9 },
    network: { ...network, lossRatio },
    model,
    ...rest,
  };
};

export const noScore = (reason: NoScoreReason = 'silence'): StreamNoScore => ({
  type: 'noscore',
  streamId: 's',
  sequence: 0,
  reason,
  since: 0,
  network,
  model,
});
