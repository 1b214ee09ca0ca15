import { ModelLoadError } from '../base/errors.ts';
import type { ModelManifest } from './manifest.ts';
import type { Results } from './network.ts';
import { panelSigma } from './panel.ts';

/** Outputs of a network for a batch of windows, one entry a window. */
export interface ModelOutputs {
  /** As the network gives it: not limited to the scale. */
  readonly mos: Float32Array;
  /** Standard deviation of `mos`, calibrated: that of a panel of listeners, where the manifest states how panels differ. */
  readonly sigma: Float32Array;
  /** Share of the window with speech, where a windowed model outputs it. */
  readonly speech?: Float32Array;
  /** Probabilities [windows][manifest.outputs.causes.order], where the model outputs them. */
  readonly causes?: Float32Array;
}

/** Reads what a network, or the heads of one, gave. */
export function readOutputs({ outputs, interval, form }: ModelManifest, results: Results): ModelOutputs {
  const read = (name: string) => results[name] as Float32Array;
  const { mos, logVariance, variance, speech, causes } = outputs;
  const sigmaOf = logVariance === undefined ? Math.sqrt : (value: number) => Math.exp(0.5 * value);
  return {
    mos: read(mos),
    sigma: read((logVariance ?? variance) as string).map((value) => panelSigma(sigmaOf(value), interval)),
    ...(speech === undefined || form === 'streaming' ? {} : { speech: read(speech.name) }),
    ...(causes === undefined ? {} : { causes: read(causes.name) }),
  };
}

/**
 * What the network gave for `count` windows of silence: symbolic shapes do not show whether it takes what the manifest states.
 *
 * @throws {ModelLoadError} ERR_MODEL_SHAPE when numbers are missing or not finite
 */
export function checkOutputs(manifest: ModelManifest, outputs: ModelOutputs, count: number, file: string): void {
  const causes = manifest.outputs.causes?.order.length ?? 0;
  checkValues('mos', outputs.mos, count, file);
  checkValues('sigma', outputs.sigma, count, file);
  if (outputs.speech !== undefined) checkValues('speech', outputs.speech, count, file);
  if (outputs.causes !== undefined) checkValues('causes', outputs.causes, count * causes, file);
}

/** @throws {ModelLoadError} ERR_MODEL_SHAPE */
export function checkValues(output: string, values: Float32Array, expected: number, file: string): void {
  const odd = values.find((value) => !Number.isFinite(value));
  if (values.length === expected && odd === undefined) return;
  const message = `${file}: outputs (${output}): expected ${expected} finite numbers, got ${odd ?? values.length}`;
  throw new ModelLoadError('ERR_MODEL_SHAPE', message);
}
