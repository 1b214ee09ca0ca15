import { defaultThresholds } from './thresholds.ts';

/** Which way a call fails for one participant: from it to the server, from the server to it, both, or neither. */
export type CallSide = 'none' | 'uplink' | 'downlink' | 'both';

export interface ParticipantSides {
  /** Score at the server of what this participant sends, MOS; undefined = it has none. */
  readonly sentMos: number | undefined;
  /** For each talker that this participant receives: the score at the server, and what is left of it here. */
  readonly received: readonly { readonly mosLqo: number; readonly mosListening: number }[];
}

export interface ParticipantSummary {
  /** What the others get of it before their own ways down, MOS. */
  readonly heardMos?: number;
  /** What it gets of the others, mean MOS. */
  readonly hearsMos?: number;
  /** Which way of this participant is to blame; its talkers' ways up are theirs. */
  readonly blame: CallSide;
}

/** A way down that takes less than this is not blamed, MOS: listeners do not agree on less. */
const leastDrop = 0.3;

/** How one participant is received and receives, and which side of the server to blame. */
export function participantSummary({ sentMos, received }: ParticipantSides): ParticipantSummary {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const hearsMos = received.length === 0 ? undefined : mean(received.map(({ mosListening }) => mosListening));
  const drop = received.length === 0 ? 0 : mean(received.map(({ mosLqo, mosListening }) => mosLqo - mosListening));
  const uplink = sentMos !== undefined && sentMos < defaultThresholds.states.good;
  const downlink = hearsMos !== undefined && hearsMos < defaultThresholds.states.good && drop >= leastDrop;
  return {
    ...(sentMos === undefined ? {} : { heardMos: sentMos }),
    ...(hearsMos === undefined ? {} : { hearsMos }),
    blame: uplink ? (downlink ? 'both' : 'uplink') : downlink ? 'downlink' : 'none',
  };
}
