/** One of a batch, and what it threw. */
export interface Failed<Item> {
  readonly item: Item;
  readonly error: unknown;
}

/**
 * Runs a batch, or, when that throws, each of its items alone: what is wrong with one costs the others nothing but time.
 * Returns the items that failed alone.
 */
export async function isolate<Item>(
  batch: readonly Item[],
  run: (part: readonly Item[]) => Promise<void>,
): Promise<Failed<Item>[]> {
  try {
    if (batch.length > 0) await run(batch);
    return [];
  } catch (error) {
    const [only, ...others] = batch;
    if (only !== undefined && others.length === 0) return [{ item: only, error }];
    const failed: Failed<Item>[] = [];
    for (const item of batch) failed.push(...(await isolate([item], run)));
    return failed;
  }
}
