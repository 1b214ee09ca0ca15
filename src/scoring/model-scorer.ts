import type { NativeEngine } from '../engine/contract.ts';
import type { Model } from '../model/model.ts';
import { StreamingScorer } from './incremental-inference.ts';
import type { ModelScorer } from './inference.ts';
import { WindowedScorer } from './window-inference.ts';

/** `forgetMs`: talk older than this is not scored. */
export function createModelScorer(engine: NativeEngine, model: Model, forgetMs: number): ModelScorer {
  return model.form === 'streaming' ? new StreamingScorer(engine, model, forgetMs) : new WindowedScorer(engine, model);
}
