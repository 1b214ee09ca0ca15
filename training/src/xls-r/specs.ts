import type { BackboneConfiguration } from './configuration.ts';

/** One array of a network, by its name in the checkpoint. */
export interface ArraySpec {
  name: string;
  /** As it is stored, PyTorch's order of axes. */
  shape: readonly number[];
}

export const sizeOf = ({ shape }: ArraySpec) => shape.reduce((product, axis) => product * axis, 1);

/** Arrays of the feature encoder and the projection to frames. */
export function encoderSpecs({ convolutions, convolutionBias, width }: BackboneConfiguration): ArraySpec[] {
  let inputs = 1;
  const layers = convolutions.flatMap(({ channels, kernel }, n) => {
    const prefix = `feature_extractor.conv_layers.${n}`;
    const specs = [
      { name: `${prefix}.conv.weight`, shape: [channels, inputs, kernel] },
      ...(convolutionBias ? [{ name: `${prefix}.conv.bias`, shape: [channels] }] : []),
      ...normalisation(`${prefix}.layer_norm`, channels),
    ];
    inputs = channels;
    return specs;
  });
  return [
    ...layers,
    ...normalisation('feature_projection.layer_norm', inputs),
    ...dense('feature_projection.projection', inputs, width),
  ];
}

/** Arrays of the convolution over positions; its kernel is stored as direction and length. */
export function positionSpecs({ width, positions: { kernel, groups } }: BackboneConfiguration): ArraySpec[] {
  const prefix = 'encoder.pos_conv_embed.conv';
  return [
    { name: `${prefix}.bias`, shape: [width] },
    { name: `${prefix}.weight_g`, shape: [1, 1, kernel] },
    { name: `${prefix}.weight_v`, shape: [width, width / groups, kernel] },
  ];
}

/** Arrays of one transformer layer, counted from 0. */
export function layerSpecs({ width, units }: BackboneConfiguration, layer: number): ArraySpec[] {
  const prefix = `encoder.layers.${layer}`;
  return [
    ...['q_proj', 'k_proj', 'v_proj', 'out_proj'].flatMap((part) => dense(`${prefix}.attention.${part}`, width, width)),
    ...normalisation(`${prefix}.layer_norm`, width),
    ...dense(`${prefix}.feed_forward.intermediate_dense`, width, units),
    ...dense(`${prefix}.feed_forward.output_dense`, units, width),
    ...normalisation(`${prefix}.final_layer_norm`, width),
  ];
}

/** All arrays that the hidden state after `layers` transformer layers needs. */
export function backboneSpecs(configuration: BackboneConfiguration, layers = configuration.layers): ArraySpec[] {
  return [
    ...encoderSpecs(configuration),
    ...positionSpecs(configuration),
    ...Array.from({ length: layers }, (_, layer) => layerSpecs(configuration, layer)).flat(),
  ];
}

function dense(name: string, inputs: number, outputs: number): ArraySpec[] {
  return [
    { name: `${name}.weight`, shape: [outputs, inputs] },
    { name: `${name}.bias`, shape: [outputs] },
  ];
}

function normalisation(name: string, size: number): ArraySpec[] {
  return ['weight', 'bias'].map((part) => ({ name: `${name}.${part}`, shape: [size] }));
}
