import * as z from 'zod';
import { maxIdLength } from '../../src/base/options.ts';
import { interval } from '../../src/events.ts';

const id = z.string().min(1).max(maxIdLength);
const ratio = z.number().min(0).max(1);
const ms = z.number().min(0);
const mos = z.number().min(1).max(5);

/** Why there is no `mosListening`. */
export const noListeningReasons = [
  /** The consumer or its producer is paused. */
  'paused',
  /** The listener has sent no RTCP receiver report from which loss or round trip could be read. */
  'no-report',
  /** Fewer than 50 packets were sent to it in the last 10 s. */
  'too-few-packets',
  /** The producer has no score. */
  'no-score',
  /** Its codec is not one that is scored. */
  'unsupported-codec',
  /** The statistics could not be had from mediasoup; asked again. */
  'failed',
] as const;

/** What one listener gets of one producer. Not numbered: each replaces the one before of this consumer. */
export const mosListeningEvent = z.object({
  type: z.literal('listening'),
  producerId: id,
  routerId: id,
  participantId: id.optional().describe('whose audio it is; absent where the application did not name it'),
  consumerId: id,
  listenerId: id.optional().describe('who receives it; absent where the application did not name it'),
  time: z.number().min(0).describe('Unix ms of the server'),
  lossRatio: ratio
    .optional()
    .describe('packets lost between server and listener / packets sent, over about 10 s; repaired ones are not lost'),
  roundTripMs: ms.optional().describe('between server and listener, ms'),
  oneWayMs: ms
    .optional()
    .describe('known part of the delay from mouth to ear, ms: half of each known round trip, and 26.5 ms of the codec'),
  mosLqo: mos.optional().describe('score of the producer at the server that `mosListening` starts from'),
  mosListening: mos.optional().describe('score of the producer with the loss of the way down (ITU-T G.107.1)'),
  interval: interval.optional().describe('of `mosListening`'),
  mosConversation: mos
    .optional()
    .describe('the same with the impairment by `oneWayMs` (Idd, ITU-T G.107 clause 7.4): an upper limit'),
  reason: z.enum(noListeningReasons).optional().describe('why there is no `mosListening`'),
});

/** What one listener gets of one producer. */
export interface MosListeningEvent extends Readonly<z.infer<typeof mosListeningEvent>> {}
