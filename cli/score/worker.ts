/** A process that scores files; started by `WorkerProcess` only, and ends with its parent. */

import { openSession } from '../../src/host/open-session.ts';
import type { ScoringSession } from '../../src/scoring/session.ts';
import { openRecording } from './decode.ts';
import type { FromWorker, ToWorker } from './protocol.ts';
import { leastSpeechMs, scoreRecording } from './score-recording.ts';

const send = (message: FromWorker) => process.send?.(message);

let session: ScoringSession | undefined;

async function load(model: string): Promise<void> {
  try {
    session = await openSession({ model, minSpeechMs: leastSpeechMs });
    send({ type: 'loaded' });
  } catch (error) {
    send({ type: 'failed', message: (error as Error).message });
  }
}

async function score(path: string, channel: number): Promise<void> {
  try {
    const recording = await openRecording(path, channel);
    const onSeconds = (heard: number) =>
      send({ type: 'progress', ...(recording.seconds ? { share: Math.min(1, heard / recording.seconds) } : {}) });
    const result = await scoreRecording(session as ScoringSession, recording, onSeconds);
    send({ type: 'scored', score: result });
  } catch (error) {
    send({ type: 'fault', message: (error as Error).message });
  }
}

process.on('disconnect', () => process.exit());
// Ctrl-C reaches the whole group: the parent decides.
process.on('SIGINT', () => {});
process.on('message', (message: ToWorker) => {
  if (message.type === 'load') void load(message.model);
  else void score(message.path, message.channel);
});
