import { Random } from '../run/random.ts';

/** Where a clip lies. */
export interface ClipPlace {
  /** Index of the shard among all shards of the data. */
  shard: number;
  /** Index in the shard. */
  index: number;
}

/**
 * The batches of an epoch: shards in random order, some at a time, their clips shuffled among each other. A last batch that
 * is not full is left out. The same for the same seed and epoch.
 *
 * @param shardSizes clips in each shard
 */
export function epochBatches(
  shardSizes: readonly number[],
  { seed, epoch, batchSize, shardsAtOnce }: EpochOptions,
): ClipPlace[][] {
  const random = Random.derive(seed, 'order', epoch);
  const shards = random.shuffle(shardSizes.map((_, shard) => shard));
  const places: ClipPlace[] = [];
  for (let first = 0; first < shards.length; first += shardsAtOnce) {
    const group = shards.slice(first, first + shardsAtOnce);
    const clips = group.flatMap((shard) =>
      Array.from({ length: shardSizes[shard] as number }, (_, index) => ({ shard, index })),
    );
    places.push(...random.shuffle(clips));
  }
  return Array.from({ length: batchesPerEpoch(shardSizes, batchSize) }, (_, batch) =>
    places.slice(batch * batchSize, (batch + 1) * batchSize),
  );
}

export interface EpochOptions {
  seed: number;
  /** From 0. */
  epoch: number;
  batchSize: number;
  shardsAtOnce: number;
}

export function batchesPerEpoch(shardSizes: readonly number[], batchSize: number): number {
  return Math.floor(shardSizes.reduce((sum, size) => sum + size, 0) / batchSize);
}
