export type { AudioCodec, PayloadTypeOptions } from './codecs.ts';
export { InvalidStateError, ModelLoadError, type ModelLoadErrorCode, ScorerStartError } from './errors.ts';
export {
  type CallReport,
  type Cause,
  type Crossing,
  causes,
  type Interval,
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
  type WarningCleared,
  type WarningName,
  type WarningRaised,
  warningNames,
} from './events.ts';
export { type Logger, setLogger } from './log.ts';
export type { ModelInput, ModelManifest } from './model/manifest.ts';
export type { NativeEngineStats, NativeSocket, NativeStreamStats } from './native/contract.ts';
export { openSession, type SessionOptions } from './offline.ts';
export type { OverloadCounts, ProcessStats } from './process/protocol.ts';
export type { ProcessDeath, RestartBackoff } from './process/scorer-process.ts';
export { CallSummary } from './quality/call-summary.ts';
export { QualityMonitor } from './quality/monitor.ts';
export {
  defaultThresholds,
  resolveThresholds,
  type ThresholdOptions,
  type Thresholds,
  type WarningLimits,
} from './quality/thresholds.ts';
export { Scorer, type ScorerEvents, type ScorerProcessStats, type ScorerStats } from './scorer.ts';
export type { ModelName, ScorerOptions } from './scorer-options.ts';
export type { ScoringSession, SessionSource, SessionStreamOptions } from './session.ts';
export { ScorerStream, type ScorerStreamEvents } from './stream.ts';
export type { ScorerEndpoint, StreamOptions, StreamSource } from './stream-options.ts';
