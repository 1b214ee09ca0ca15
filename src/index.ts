export { InvalidStateError, ModelLoadError, type ModelLoadErrorCode, ScorerStartError } from './base/errors.ts';
export { type Logger, setLogger } from './base/log.ts';
export type { AudioCodec, PayloadTypeOptions } from './engine/codecs.ts';
export type { NativeEngineStats, NativeSocket, NativeStreamStats } from './engine/contract.ts';
export {
  type CallReport,
  type Cause,
  type Crossing,
  causes,
  type Interval,
  type Limit,
  type ModelIdentity,
  type NetworkQuality,
  type NoScoreReason,
  noScoreReasons,
  type QualityChange,
  type QualityState,
  qualityStates,
  type SignalQuality,
  type StateChange,
  type StreamEvent,
  type StreamNoScore,
  type StreamScore,
  scoreLimits,
  type WarningCleared,
  type WarningName,
  type WarningRaised,
  warningNames,
} from './events.ts';
export { openSession, type SessionOptions } from './host/open-session.ts';
export type { OverloadCounts, ProcessStats } from './host/process/protocol.ts';
export type { ProcessDeath, ProcessFailure, RestartBackoff } from './host/process/scorer-process.ts';
export { Scorer, type ScorerEvents, type ScorerProcessStats, type ScorerStats } from './host/scorer.ts';
export type { ModelName, ScorerOptions } from './host/scorer-options.ts';
export { ScorerStream, type ScorerStreamEvents } from './host/stream.ts';
export type { ScorerEndpoint, StreamOptions, StreamSource } from './host/stream-options.ts';
export type { ModelInput, ModelManifest } from './model/manifest.ts';
export { CallSummary } from './quality/call-summary.ts';
export { QualityMonitor } from './quality/monitor.ts';
export {
  defaultThresholds,
  resolveThresholds,
  type ThresholdOptions,
  type Thresholds,
  type WarningLimits,
} from './quality/thresholds.ts';
export type { ScoringSession, SessionSource, SessionStreamOptions } from './scoring/session.ts';
