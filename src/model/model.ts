import type { StreamingModel } from './streaming-model.ts';
import type { WindowedModel } from './windowed-model.ts';

/** A network and its manifest, in one of two forms. Made by `loadModel`. */
export type Model = WindowedModel | StreamingModel;
