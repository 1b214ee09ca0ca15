import type { types } from 'mediasoup';
import { type BotOptions, Bots } from '../../examples/conference/src/bots.ts';
import { Conference } from '../../examples/conference/src/conference.ts';
import type { MosCloseEvent, MosEvent, MosNoScoreEvent, MosScoreEvent } from '../../plugin/index.ts';

/** An event and when it came, Unix ms. */
export interface Heard<E extends MosEvent = MosEvent> {
  readonly atMs: number;
  readonly event: E;
}

/** Generous: a busy machine is late, and a test that waits for an event ends with the event. */
const defaultTimeoutMs = 30_000;

/** Everything an observer says, to look back at and to wait for. */
export class EventLog {
  readonly heard: Heard[] = [];
  readonly #waiters = new Set<(heard: Heard) => void>();

  constructor({ observer }: Conference) {
    const add = (event: MosEvent) => {
      const heard = { atMs: Date.now(), event };
      this.heard.push(heard);
      for (const waiter of this.#waiters) waiter(heard);
    };
    observer.on('score', add).on('noscore', add).on('producerclose', add);
    observer.on('state', add).on('warning', add).on('warningcleared', add).on('report', add);
  }

  /** Scores, reasons for none, and the close. */
  of(participantId: string): Heard[] {
    return this.allOf(participantId).filter(({ event: { type } }) =>
      ['score', 'noscore', 'producerclose'].includes(type),
    );
  }

  allOf(participantId: string): Heard[] {
    return this.heard.filter(({ event }) => event.participantId === participantId);
  }

  scoresOf(participantId: string): Heard<MosScoreEvent>[] {
    return this.of(participantId).filter((heard): heard is Heard<MosScoreEvent> => heard.event.type === 'score');
  }

  /** The next score, from now on. */
  score(participantId: string, timeoutMs?: number): Promise<Heard<MosScoreEvent>> {
    return this.#next(`score of ${participantId}`, participantId, (event) => event.type === 'score', timeoutMs);
  }

  noScore(participantId: string, reason: MosNoScoreEvent['reason']): Promise<Heard<MosNoScoreEvent>> {
    return this.#next(
      `${reason} of ${participantId}`,
      participantId,
      (event) => event.type === 'noscore' && event.reason === reason,
    );
  }

  close(participantId: string): Promise<Heard<MosCloseEvent>> {
    return this.#next(`close of ${participantId}`, participantId, ({ type }) => type === 'producerclose');
  }

  #next<E extends MosEvent>(
    what: string,
    participantId: string,
    fits: (event: MosEvent) => boolean,
    timeoutMs = defaultTimeoutMs,
  ): Promise<Heard<E>> {
    const failure = new Error(`no ${what} within ${timeoutMs} ms`);
    return new Promise((resolve, reject) => {
      const waiter = (heard: Heard) => {
        if (heard.event.participantId !== participantId || !fits(heard.event)) return;
        end();
        resolve(heard as Heard<E>);
      };
      const timer = setTimeout(() => {
        end();
        const last = this.of(participantId).at(-1)?.event;
        failure.message += `; last: ${last === undefined ? 'nothing' : JSON.stringify(last)}`;
        reject(failure);
      }, timeoutMs);
      const end = () => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      this.#waiters.add(waiter);
    });
  }
}

/** A conference with libwebrtc participants, as `npm start` has, on free ports. */
export interface Call {
  readonly conference: Conference;
  readonly bots: Bots;
  readonly log: EventLog;
  /** Resolves with the participant's id. */
  join(bot: BotOptions): Promise<string>;
  close(): Promise<void>;
}

export async function startCall(): Promise<Call> {
  const conference = await Conference.create({ port: 0 });
  const bots = new Bots();
  return {
    conference,
    bots,
    log: new EventLog(conference),
    join: (bot) => bots.join(conference.url, bot),
    async close() {
      await bots.close();
      await conference.close();
    },
  };
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** When the first RTP packet of each participant came, Unix ms: of those who join from now on. */
export function firstPackets(router: types.Router): Map<string, number> {
  const firstPacketMs = new Map<string, number>();
  router.observer.on('newtransport', (transport) => {
    transport.observer.on('newproducer', async (producer) => {
      producer.once('trace', () => {
        firstPacketMs.set(String(producer.appData.participantId), Date.now());
        if (!producer.closed) producer.enableTraceEvent([]).catch(() => {});
      });
      await producer.enableTraceEvent(['rtp']).catch(() => {});
    });
  });
  return firstPacketMs;
}
