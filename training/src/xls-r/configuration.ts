import { join } from 'node:path';
import { z } from 'zod';
import { readConfiguration } from '../run/files.ts';

const count = z.number().int().positive();

/**
 * The fields read from a Hugging Face `config.json` of a wav2vec 2.0 model; defaults are those of transformers' Wav2Vec2Config.
 * XLS-R (arXiv 2111.09296) has layer normalisation in the feature encoder and before each transformer block: other
 * variants are refused.
 */
export const backboneSchema = z
  .object({
    model_type: z.literal('wav2vec2'),
    hidden_size: count.default(768),
    num_hidden_layers: count.default(12),
    num_attention_heads: count.default(12),
    intermediate_size: count.default(3072),
    layer_norm_eps: z.number().positive().default(1e-5),
    hidden_act: z.literal('gelu').default('gelu'),
    feat_extract_activation: z.literal('gelu').default('gelu'),
    feat_extract_norm: z.literal('layer'),
    do_stable_layer_norm: z.literal(true),
    conv_dim: z.array(count).min(1).default([512, 512, 512, 512, 512, 512, 512]),
    conv_kernel: z.array(count).default([10, 3, 3, 3, 3, 2, 2]),
    conv_stride: z.array(count).default([5, 2, 2, 2, 2, 2, 2]),
    conv_bias: z.boolean().default(false),
    num_conv_pos_embeddings: count.default(128),
    num_conv_pos_embedding_groups: count.default(16),
  })
  .refine(
    ({ conv_dim, conv_kernel, conv_stride }) =>
      new Set([conv_dim, conv_kernel, conv_stride].map((of) => of.length)).size === 1,
    {
      error: 'expected conv_dim, conv_kernel and conv_stride of the same length',
    },
  )
  .refine(({ hidden_size, num_attention_heads: heads }) => hidden_size % heads === 0, {
    error: 'expected hidden_size to be a multiple of num_attention_heads',
  })
  .refine(({ hidden_size, num_conv_pos_embedding_groups: groups }) => hidden_size % groups === 0, {
    error: 'expected hidden_size to be a multiple of num_conv_pos_embedding_groups',
  })
  .transform((of) => ({
    /** Numbers per frame. */
    width: of.hidden_size,
    layers: of.num_hidden_layers,
    heads: of.num_attention_heads,
    /** Hidden units of the feed-forward parts. */
    units: of.intermediate_size,
    epsilon: of.layer_norm_eps,
    convolutions: of.conv_dim.map((channels, n) => ({
      channels,
      kernel: of.conv_kernel[n] as number,
      stride: of.conv_stride[n] as number,
    })),
    convolutionBias: of.conv_bias,
    /** The positional convolution. */
    positions: { kernel: of.num_conv_pos_embeddings, groups: of.num_conv_pos_embedding_groups },
  }));

export type BackboneConfiguration = z.output<typeof backboneSchema>;

/** @throws {TrainingError} invalid-input when it is not a wav2vec 2.0 model of XLS-R's kind, naming the difference */
export function readBackboneConfiguration(folder: string): BackboneConfiguration {
  return readConfiguration(join(folder, 'config.json'), backboneSchema);
}

/** Frames that the feature encoder makes of so many samples; 320 samples a frame in XLS-R. */
export function framesOf({ convolutions }: BackboneConfiguration, samples: number): number {
  return convolutions.reduce((length, { kernel, stride }) => Math.floor((length - kernel) / stride) + 1, samples);
}

/** Fewest samples that make a frame. */
export function fewestSamples({ convolutions }: BackboneConfiguration): number {
  return convolutions.reduceRight((length, { kernel, stride }) => (length - 1) * stride + kernel, 1);
}
