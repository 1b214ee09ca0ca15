import type { Model } from './model/model.ts';
import { type NativeEngineOptions, ringKinds } from './native/contract.ts';

/** Engine options that do not depend on the model. Times in ms. */
export type HearingOptions = Omit<NativeEngineOptions, 'ringKind' | 'ringFrames'>;

/** The options of an engine that feeds a model: its ring holds one longest window. */
export function engineOptionsFor({ manifest, window }: Model, options: HearingOptions): NativeEngineOptions {
  const ringKind = manifest.input.kind === 'logmel' ? ringKinds.logMel : ringKinds.pcm;
  return { ...options, ringKind, ringFrames: window.maxFrames };
}
