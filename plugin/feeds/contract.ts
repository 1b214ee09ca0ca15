/**
 * What servers and subscribers have in common: events with their schemas, and what is asked and answered over a feed. Part
 * of the package's own entry and of the client's; needs nothing of Node.js.
 */
export {
  type CallReport,
  type Cause,
  causes,
  type Limit,
  type ModelIdentity,
  type NetworkQuality,
  type NoScoreReason,
  noScoreReasons,
  type QualityState,
  qualityStates,
  type SignalQuality,
  scoreLimits,
  type WarningName,
  warningNames,
} from '../../src/events.ts';
export {
  type MosCloseEvent,
  type MosEvent,
  type MosEventType,
  type MosNoScoreEvent,
  type MosReportEvent,
  type MosScoreEvent,
  type MosSnapshotEvent,
  type MosStateEvent,
  type MosStatusEvent,
  type MosWarningClearedEvent,
  type MosWarningEvent,
  mosEvent,
  mosEventSchemas,
  mosSnapshotEvent,
  type ProducerOrigin,
  type ProducerSnapshot,
  producerSnapshot,
} from './events.ts';
export type {
  ClientToServerEvents,
  ConnectRefusal,
  GoodbyeReason,
  MosGoodbye,
  MosSubscription,
  ServerToClientEvents,
  SubscribeErrorCode,
  SubscribeReply,
} from './feed-contract.ts';
