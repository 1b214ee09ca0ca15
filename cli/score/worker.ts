/** A process that scores files; started by `WorkerProcess` only, and ends with its parent. */

import { openSession } from '../../src/host/open-session.ts';
import type { ScoringSession } from '../../src/scoring/session.ts';
import { channelsOf, openRecording } from './decode.ts';
import type { Channel, ChannelScore, FromWorker, ToWorker } from './protocol.ts';
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

async function score(path: string, wanted: Channel): Promise<void> {
  try {
    const channels = wanted === 'all' ? [...Array(await channelsOf(path)).keys()] : [wanted];
    const scores: ChannelScore[] = [];
    for (const channel of channels) {
      const recording = await openRecording(path, channel, { others: wanted === 'all' });
      const onSeconds = (heard: number) => {
        const { seconds } = recording;
        const share = seconds ? { share: (scores.length + Math.min(1, heard / seconds)) / channels.length } : {};
        send({ type: 'progress', ...share });
      };
      scores.push({ channel, score: await scoreRecording(session as ScoringSession, recording, onSeconds) });
    }
    send({ type: 'scored', scores });
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
