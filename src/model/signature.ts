import type { InferenceSession } from 'onnxruntime-node';
import { ModelLoadError } from '../errors.ts';
import type { ModelManifest } from './manifest.ts';

/** Sizes; names where a size is not fixed. Empty = the network file does not tell. */
type Shape = readonly (number | string)[];

/**
 * Compares names, element types and shapes of a manifest with what the network file states.
 *
 * @throws {ModelLoadError} ERR_MODEL_SHAPE
 */
export function checkSignature(manifest: ModelManifest, session: InferenceSession, manifestFile: string): void {
  const { input, outputs, file } = manifest;

  function disagree(field: string, expected: string, got: string): never {
    throw new ModelLoadError('ERR_MODEL_SHAPE', `${manifestFile}: ${field}: expected ${expected}, ${file} has ${got}`);
  }

  function shapeOf(field: string, name: string, values: readonly InferenceSession.ValueMetadata[]): Shape {
    const found = values.find((value) => value.name === name);
    if (found === undefined) disagree(field, `'${name}'`, values.map((value) => `'${value.name}'`).join(', '));
    if (!found.isTensor) disagree(field, 'float32', 'no tensor');
    if (found.type !== 'float32') disagree(field, 'float32', found.type);
    return found.shape;
  }

  function checkShape(field: string, shape: Shape, ranks: readonly number[]): void {
    const shown = `shape [${shape.join(', ')}]`;
    if (!ranks.includes(shape.length)) disagree(field, `rank ${ranks.join(' or ')}`, shown);
    if (isFixed(shape[0])) disagree(field, 'any batch size', shown);
  }

  const inputShape = shapeOf('input.name', input.name, session.inputMetadata);
  checkShape('input.name', inputShape, [input.kind === 'logmel' ? 3 : 2]);
  if (input.kind === 'logmel' && isFixed(inputShape[2]) && inputShape[2] !== input.mels) {
    disagree('input.mels', String(input.mels), `shape [${inputShape.join(', ')}]`);
  }
  if (session.inputNames.length > 1) disagree('input.name', 'one input', session.inputNames.join(', '));

  const { mos, logVariance, variance, speech, causes } = outputs;
  const named = { mos, logVariance, variance, 'speech.name': speech?.name, 'causes.name': causes?.name };
  for (const [key, name] of Object.entries(named)) {
    if (name === undefined) continue;
    const shape = shapeOf(`outputs.${key}`, name, session.outputMetadata);
    if (shape.length > 0) checkShape(`outputs.${key}`, shape, key === 'causes.name' ? [2] : [1, 2]);
  }
}

function isFixed(size: number | string | undefined): boolean {
  return typeof size === 'number' && size > 0;
}
