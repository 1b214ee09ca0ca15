import { readDistillMos } from '../distill-mos/checkpoint.ts';
import { distillMosGraph as graphOf } from '../distill-mos/graph.ts';
import { publishedShape } from '../distill-mos/shape.ts';

/** The published Distill-MOS as ONNX, made from its checkpoint. */
export function distillMosGraph(checkpointPath: string): Uint8Array {
  const metadata = { source: 'PyPI distillmos 0.9.1, MIT' };
  return graphOf(publishedShape, readDistillMos(checkpointPath), { metadata });
}
