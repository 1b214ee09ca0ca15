import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeArrays } from '../../src/run/arrays.ts';
import { Random } from '../../src/run/random.ts';
import { readBackboneConfiguration } from '../../src/xls-r/configuration.ts';
import { backboneSpecs, sizeOf } from '../../src/xls-r/specs.ts';

/** Writes a random network of XLS-R's kind as a Hugging Face folder: 100 frames a second, 16 numbers each, 3 layers. */
export function tinyBackbone(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const configuration = {
    ...{ model_type: 'wav2vec2', feat_extract_norm: 'layer', do_stable_layer_norm: true, conv_bias: true },
    ...{ conv_dim: [12, 16, 16], conv_kernel: [10, 8, 4], conv_stride: [5, 8, 4] },
    ...{ hidden_size: 16, num_hidden_layers: 3, num_attention_heads: 2, intermediate_size: 24 },
    ...{ num_conv_pos_embeddings: 4, num_conv_pos_embedding_groups: 2 },
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(configuration));
  const arrays = backboneSpecs(readBackboneConfiguration(folder)).map((spec) => {
    const { name, shape } = spec;
    const random = Random.derive(1, 'tiny backbone', name);
    const scale = shape.length > 1 ? Math.sqrt(1 / (sizeOf(spec) / (shape[0] as number))) : 0.2;
    const centre = shape.length === 1 && name.endsWith('norm.weight') ? 1 : 0;
    const values = Float32Array.from({ length: sizeOf(spec) }, () => centre + scale * random.normal());
    return [name, { shape, values }] as const;
  });
  writeArrays(join(folder, 'model.safetensors'), new Map(arrays));
  return folder;
}
