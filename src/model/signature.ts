import { ModelLoadError } from '../base/errors.ts';
import type { ModelManifest } from './manifest.ts';
import type { Network } from './network.ts';

/** Sizes that the manifest states; undefined = any. The first, the batch, must be any. */
type Sizes = readonly (number | undefined)[];

/**
 * Compares names, element types and shapes of a manifest with what the network file states.
 *
 * @throws {ModelLoadError} ERR_MODEL_SHAPE
 */
export function checkWindowedSignature(manifest: ModelManifest, network: Network, manifestFile: string): void {
  const { input, outputs } = manifest;
  const signature = new Signature(network, manifestFile);
  signature.checkInputs([
    { field: 'input.name', name: input.name, sizes: frameSizes(manifest), sizesField: 'input.mels' },
  ]);
  checkHeads(manifest, signature);
  if (outputs.speech !== undefined) signature.checkOutput('outputs.speech', outputs.speech.name, [[], [1]]);
}

/** The same for the trunk of a streaming model. */
export function checkTrunkSignature(manifest: ModelManifest, trunk: Network, manifestFile: string): void {
  const { state, steps, speech } = manifest.streaming as NonNullable<ModelManifest['streaming']>;
  const signature = new Signature(trunk, manifestFile);
  signature.checkInputs([
    { field: 'input.name', name: manifest.input.name, sizes: frameSizes(manifest), sizesField: 'input.mels' },
    { field: 'streaming.state.input', name: state.input, sizes: [state.values], sizesField: 'streaming.state.values' },
  ]);
  signature.checkOutput('streaming.state.output', state.output, [[state.values]]);
  signature.checkOutput('streaming.steps.name', steps.name, [[undefined, steps.width]]);
  signature.checkOutput('streaming.speech', speech, [[undefined]]);
}

/** The same for the heads of a streaming model. */
export function checkHeadsSignature(manifest: ModelManifest, heads: Network, manifestFile: string): void {
  const { steps } = manifest.streaming as NonNullable<ModelManifest['streaming']>;
  const signature = new Signature(heads, manifestFile);
  signature.checkInputs([
    {
      ...{ field: 'streaming.steps.name', name: steps.name },
      ...{ sizes: [undefined, steps.width], sizesField: 'streaming.steps.width' },
    },
  ]);
  checkHeads(manifest, signature);
}

/** Without the batch. */
function frameSizes({ input }: ModelManifest): Sizes {
  return input.kind === 'logmel' ? [undefined, input.mels] : [undefined];
}

function checkHeads({ outputs: { mos, logVariance, variance, causes } }: ModelManifest, signature: Signature): void {
  for (const [key, name] of Object.entries({ mos, logVariance, variance })) {
    if (name !== undefined) signature.checkOutput(`outputs.${key}`, name, [[], [1]]);
  }
  if (causes !== undefined) signature.checkOutput('outputs.causes.name', causes.name, [[causes.order.length]]);
}

interface ExpectedInput {
  /** Of the manifest. */
  field: string;
  name: string;
  /** Without the batch. */
  sizes: Sizes;
  /** The manifest's field that the sizes come from. */
  sizesField: string;
}

/** What a network file states of its inputs and outputs, to be compared with a manifest. */
class Signature {
  readonly #network: Network;
  readonly #manifestFile: string;

  constructor(network: Network, manifestFile: string) {
    this.#network = network;
    this.#manifestFile = manifestFile;
  }

  /** These and no other. */
  checkInputs(inputs: readonly ExpectedInput[]): void {
    const { inputMetadata, inputNames } = this.#network.session;
    for (const { field, name, sizes, sizesField } of inputs) {
      this.#checkShape(field, sizesField, this.#shapeOf(field, name, inputMetadata), [sizes]);
    }
    const known = inputs.map(({ name }) => name);
    const unknown = inputNames.filter((name) => !known.includes(name));
    const [first] = inputs as [ExpectedInput];
    if (unknown.length > 0) this.#disagree(first.field, `no input but ${known.join(', ')}`, inputNames.join(', '));
  }

  /** `sizes`: one of these, without the batch. Files may leave shapes of outputs open. */
  checkOutput(field: string, name: string, sizes: readonly Sizes[]): void {
    const shape = this.#shapeOf(field, name, this.#network.session.outputMetadata);
    if (shape.length > 0) this.#checkShape(field, field, shape, sizes);
  }

  #shapeOf(field: string, name: string, values: Network['session']['inputMetadata']): readonly (number | string)[] {
    const found = values.find((value) => value.name === name);
    if (found === undefined) this.#disagree(field, `'${name}'`, values.map((value) => `'${value.name}'`).join(', '));
    if (!found.isTensor) this.#disagree(field, 'float32', 'no tensor');
    if (found.type !== 'float32') this.#disagree(field, 'float32', found.type);
    return found.shape;
  }

  #checkShape(field: string, sizesField: string, shape: readonly (number | string)[], allowed: readonly Sizes[]): void {
    const shown = `shape [${shape.join(', ')}]`;
    const fitting = allowed.filter(({ length }) => length + 1 === shape.length);
    if (fitting.length === 0) {
      this.#disagree(field, `rank ${allowed.map(({ length }) => length + 1).join(' or ')}`, shown);
    }
    if (isFixed(shape[0])) this.#disagree(field, 'any batch size', shown);
    const differs = (sizes: Sizes) =>
      sizes.findIndex((size, at) => size !== undefined && isFixed(shape[at + 1]) && shape[at + 1] !== size);
    if (fitting.some((sizes) => differs(sizes) < 0)) return;
    const [sizes] = fitting as [Sizes];
    this.#disagree(sizesField, String(sizes[differs(sizes)]), shown);
  }

  #disagree(field: string, expected: string, got: string): never {
    const message = `${this.#manifestFile}: ${field}: expected ${expected}, ${this.#network.file} has ${got}`;
    throw new ModelLoadError('ERR_MODEL_SHAPE', message);
  }
}

function isFixed(size: number | string | undefined): boolean {
  return typeof size === 'number' && size > 0;
}
