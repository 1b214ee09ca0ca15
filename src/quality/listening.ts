import type { AudioCodec } from '../engine/codecs.ts';
import type { Interval } from '../events.ts';
import { delayImpairment, effectiveImpairment, mosAtImpairment } from './e-model.ts';

/** What reaches one listener: the content as the server got it, and the way from the server. */
export interface ListeningInput {
  /** Score of the producer at the server, MOS-LQO. */
  readonly mosLqo: number;
  readonly interval: Interval;
  readonly codec: AudioCodec;
  /** Of packets between server and listener that no retransmission repaired, 0 to 1. */
  readonly lossRatio: number;
  /** Whether in-band FEC was negotiated. Packets may then carry it, which a server cannot know. */
  readonly fecPossible: boolean;
  /** What is known of the delay from mouth to ear, ms; undefined = nothing. */
  readonly oneWayMs: number | undefined;
}

export interface ListeningQuality {
  readonly mosListening: number;
  /** Without FEC below, with all that FEC can recover above, where it may be in use. */
  readonly interval: Interval;
  /** Absent without a delay. */
  readonly mosConversation?: number;
}

/**
 * Lowers a MOS by an impairment on the wide-band scale of the E-model. Of what lies above 1, the share is kept that a call
 * without other impairments keeps (`mosAtImpairment`). To subtract the impairment from the content's own rating instead would
 * put 5 % of random loss 1.1 MOS below PESQ.
 */
export function impaired(mos: number, impairment: number): number {
  if (impairment <= 0) return mos;
  return 1 + ((mos - 1) * (mosAtImpairment(impairment) - 1)) / (mosAtImpairment(0) - 1);
}

/**
 * Quality at the listener. The content's score already has the way up and the codec in it, so only what the way down adds is
 * subtracted: Ie,eff,WB at its loss less Ie,WB without (G.107.1 clause 7.5), and for conversation Idd (G.107 clause 7.4).
 * FEC recovers a lost packet from the next one: at random loss p a share p of the lost ones remains.
 */
export function listeningQuality(input: ListeningInput): ListeningQuality {
  const { mosLqo, interval, codec, lossRatio, fecPossible, oneWayMs } = input;
  const added = (ratio: number) => effectiveImpairment(codec, ratio) - effectiveImpairment(codec, 0);
  const loss = added(lossRatio);
  const leastLoss = fecPossible ? added(lossRatio * lossRatio) : loss;
  const mosListening = impaired(mosLqo, loss);
  return {
    mosListening,
    interval: {
      lower: impaired(interval.lower, loss),
      upper: impaired(interval.upper, leastLoss),
      coverage: interval.coverage,
    },
    ...(oneWayMs === undefined ? {} : { mosConversation: impaired(mosLqo, loss + delayImpairment(oneWayMs)) }),
  };
}
