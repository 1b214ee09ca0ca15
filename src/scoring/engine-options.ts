import { type NativeEngineOptions, ringKinds } from '../engine/contract.ts';
import type { Model } from '../model/model.ts';

/** What the rings of an engine keep for a model. */
export type RingOptions = Pick<NativeEngineOptions, 'ringKind' | 'ringFrames'>;

/** Engine options that do not depend on the model. Times in ms. */
export type HearingOptions = Omit<NativeEngineOptions, keyof RingOptions>;

/** The options of an engine that feeds a model. */
export function engineOptionsFor(model: Model, options: HearingOptions): NativeEngineOptions {
  return { ...options, ...ringOptionsFor(model) };
}

/** What comes in between two ticks, before what waits for a first score is overwritten: 0.75 s. */
const slackFrames = 75;

/** One longest window; for a streaming model only what waits to be taken in. */
export function ringOptionsFor(model: Model): RingOptions {
  if (model.form === 'streaming') {
    return { ringKind: ringKinds.logMel, ringFrames: model.shape.firstFrames + slackFrames };
  }
  const ringKind = model.manifest.input.kind === 'logmel' ? ringKinds.logMel : ringKinds.pcm;
  return { ringKind, ringFrames: model.window.maxFrames };
}
