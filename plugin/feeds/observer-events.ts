import type { types } from 'mediasoup';
import type { ScorerEvents } from '../../src/index.ts';
import type {
  MosCloseEvent,
  MosNoScoreEvent,
  MosReportEvent,
  MosScoreEvent,
  MosStateEvent,
  MosWarningClearedEvent,
  MosWarningEvent,
  ProducerOrigin,
} from './events.ts';
import type { MosListeningEvent } from './listening-event.ts';

export interface MosObserverEvents {
  score: [MosScoreEvent];
  noscore: [MosNoScoreEvent];
  state: [MosStateEvent];
  warning: [MosWarningEvent];
  warningcleared: [MosWarningClearedEvent];
  /** The summary of a producer's call, before its `producerclose`. */
  report: [MosReportEvent];
  /** Nothing more comes of this producer: it was closed or removed, or the observer was closed. */
  producerclose: [MosCloseEvent];
  /** What one listener gets of a producer; only with the option `listening`. */
  listening: [MosListeningEvent];
  /** A producer that `autoAdd` found, or that was scored so far, cannot be scored. */
  producererror: [{ origin: ProducerOrigin; error: Error }];
  /** A scorer process died and is back; meanwhile its producers were `noscore: scorer-restarting`. */
  scorerrestart: ScorerEvents['processrestarted'];
  routerclose: [];
  /** The scorer was closed, and the observer with it. */
  scorerclose: [];
}

/** For code that watches the application, as mediasoup's `observer` of every object. */
export interface MosObserverObserverEvents {
  close: [];
  pause: [];
  resume: [];
  addproducer: [types.Producer];
  removeproducer: [types.Producer];
}
