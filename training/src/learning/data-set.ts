import { frameValues } from '../degrade/shard.ts';
import type { ClipPlace } from './order.ts';
import type { ClipData } from './windows.ts';

/** A clip as it is kept in memory: log-mel values in half precision. */
export interface StoredClip extends Omit<ClipData, 'logMel'> {
  logMel: Uint16Array;
}

export interface ShardSource<Clip = StoredClip> {
  /** Clips in it. */
  size: number;
  load(): Clip[];
}

/** Clips that are read shard by shard when they are wanted; only the shards used last stay in memory. */
export class Shards<Clip> {
  readonly shardSizes: readonly number[];
  readonly #sources: readonly ShardSource<Clip>[];
  readonly #limit: number;
  readonly #loaded = new Map<number, Clip[]>();

  /** @param shardsInMemory at least as many as the clips of one batch come from */
  constructor(sources: readonly ShardSource<Clip>[], shardsInMemory: number) {
    this.#sources = sources;
    this.#limit = shardsInMemory;
    this.shardSizes = sources.map(({ size }) => size);
  }

  get size(): number {
    return this.shardSizes.reduce((sum, size) => sum + size, 0);
  }

  stored({ shard, index }: ClipPlace): Clip {
    const clip = this.#shard(shard)[index];
    if (!clip) throw new RangeError(`shard ${shard} has no clip ${index}`);
    return clip;
  }

  /** Where every clip lies, shard by shard. */
  *places(): Generator<ClipPlace> {
    for (const [shard, size] of this.shardSizes.entries()) {
      for (let index = 0; index < size; index++) yield { shard, index };
    }
  }

  #shard(number: number): Clip[] {
    const clips = this.#loaded.get(number) ?? this.#sources[number]?.load();
    if (!clips) throw new RangeError(`there is no shard ${number}`);
    this.#loaded.delete(number);
    this.#loaded.set(number, clips);
    for (const oldest of this.#loaded.keys()) {
      if (this.#loaded.size <= this.#limit) break;
      this.#loaded.delete(oldest);
    }
    return clips;
  }
}

/** Labelled clips as frames. */
export class DataSet extends Shards<StoredClip> {
  clip(place: ClipPlace): ClipData {
    const clip = this.stored(place);
    return { ...clip, logMel: frameValues(clip.logMel) };
  }

  /** All clips, shard by shard. */
  *clips(): Generator<ClipData> {
    for (const place of this.places()) yield this.clip(place);
  }
}
